//! Pricing by an operator's executable (spec `provider.md` 2.7.3): one JSON line in, one decimal out.
//!
//! Called by: `pricing`. Runs: the configured executable, at most `limit` at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use serde::Serialize;
use tokio::{io::AsyncWriteExt, process::Command, sync::Semaphore};
use types::wire::akash::{
    base::resources::v1beta4::{Resources, endpoint::Kind},
    deployment::v1beta4::GroupSpec,
};

use super::{EPHEMERAL, Error};
use crate::quantity;

const PRECISION: u32 = 6;

#[derive(Debug, Clone)]
pub struct Script {
    path: PathBuf,
    timeout: Duration,
    running: Arc<Semaphore>,
}

#[derive(Debug, Serialize)]
struct Request {
    resources: Vec<Unit>,
    price: Price,
    price_precision: u32,
}

#[derive(Debug, Serialize)]
struct Unit {
    memory: u64,
    cpu: u64,
    gpu: Gpu,
    storage: Vec<Volume>,
    count: u32,
    endpoint_quantity: usize,
    ip_lease_quantity: usize,
}

#[derive(Debug, Serialize)]
struct Gpu {
    units: u64,
    attributes: GpuAttributes,
}

#[derive(Debug, Default, Serialize)]
struct GpuAttributes {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    vendor: BTreeMap<String, Model>,
}

#[derive(Debug, Default, Serialize)]
struct Model {
    model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ram: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<String>,
}

#[derive(Debug, Serialize)]
struct Volume {
    class: String,
    size: u64,
}

#[derive(Debug, Serialize)]
struct Price {
    denom: String,
    amount: String,
}

impl Script {
    pub fn new(path: PathBuf, timeout: Duration, limit: usize) -> Script {
        Script { path, timeout, running: Arc::new(Semaphore::new(limit.max(1))) }
    }

    pub(super) async fn price(
        &self,
        owner: &str,
        group: &GroupSpec,
        allocated: &[Resources],
        denom: &str,
        most: u128,
    ) -> Result<u128, Error> {
        let input = request(group, allocated, denom, most).ok_or(Error::Quantity)?;
        let failed = |it: &dyn std::fmt::Display| Error::Script(it.to_string());
        let _turn = self.running.acquire().await.map_err(|it| failed(&it))?;
        let mut child = Command::new(&self.path)
            .env("AKASH_OWNER", owner)
            .env("AKASH_DENOM", denom)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|it| failed(&format!("cannot run {}: {it}", self.path.display())))?;
        let mut stdin = child.stdin.take();
        let work = async {
            if let Some(stdin) = stdin.as_mut() {
                // A script that does not read its input is allowed to.
                let _ = stdin.write_all(&input).await;
            }
            drop(stdin);
            child.wait_with_output().await
        };
        let output = match tokio::time::timeout(self.timeout, work).await {
            Ok(done) => done.map_err(|it| failed(&it))?,
            Err(_) => return Err(failed(&format!("no answer within {:?}", self.timeout))),
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(failed(&format!("{}: {}", output.status, said.trim())));
        }
        read(&String::from_utf8_lossy(&output.stdout))
    }
}

/// The line on the script's standard input, with its newline.
pub(crate) fn request(
    group: &GroupSpec,
    allocated: &[Resources],
    denom: &str,
    most: u128,
) -> Option<Vec<u8>> {
    let units =
        group.resources.iter().enumerate().map(|(index, unit)| {
            describe(allocated.get(index).unwrap_or(&unit.resource), unit.count)
        });
    let request = Request {
        resources: units.collect::<Option<_>>()?,
        price: Price { denom: denom.to_owned(), amount: quantity::show_decimal(most) },
        price_precision: PRECISION,
    };
    let mut line = serde_json::to_vec(&request).ok()?;
    line.push(b'\n');
    Some(line)
}

fn describe(unit: &Resources, count: u32) -> Option<Unit> {
    let gpu = match &unit.gpu {
        Some(gpu) => Gpu {
            units: quantity::read(&gpu.units)?,
            attributes: gpu_attributes(gpu.attributes.iter().map(|it| it.key.as_str())),
        },
        None => Gpu { units: 0, attributes: GpuAttributes::default() },
    };
    let storage = unit.storage.iter().map(|it| {
        let class = quantity::attribute(&it.attributes, "class").unwrap_or(EPHEMERAL);
        Some(Volume { class: class.to_owned(), size: quantity::read(&it.quantity)? })
    });
    let addresses: BTreeSet<u32> = unit
        .endpoints
        .iter()
        .filter(|it| it.kind() == Kind::LeasedIp)
        .map(|it| it.sequence_number)
        .collect();
    Some(Unit {
        memory: quantity::read(&unit.memory.as_ref()?.quantity)?,
        cpu: quantity::read(&unit.cpu.as_ref()?.units)?,
        gpu,
        storage: storage.collect::<Option<_>>()?,
        count,
        endpoint_quantity: unit.endpoints.len(),
        ip_lease_quantity: addresses.len(),
    })
}

/// `vendor/<v>/model/<m>[/ram/<r>][/interface/<i>]`; of several models of one vendor the last wins.
fn gpu_attributes<'a>(keys: impl Iterator<Item = &'a str>) -> GpuAttributes {
    let mut attributes = GpuAttributes::default();
    for key in keys {
        let tokens: Vec<&str> = key.split('/').collect();
        let mut vendor = None;
        let mut model = Model::default();
        for pair in tokens.chunks_exact(2) {
            match pair {
                ["vendor", it] => vendor = Some((*it).to_owned()),
                ["model", it] => model.model = (*it).to_owned(),
                ["ram", it] => model.ram = Some((*it).to_owned()),
                ["interface", it] => model.interface = Some((*it).to_owned()),
                _ => {}
            }
        }
        if let Some(vendor) = vendor {
            attributes.vendor.insert(vendor, model);
        }
    }
    attributes
}

/// A plain decimal, white space around it cut.
pub(crate) fn read(output: &str) -> Result<u128, Error> {
    let text = output.trim();
    if text.is_empty() {
        return Err(Error::Script("the script printed nothing".to_owned()));
    }
    match quantity::parse_decimal(text) {
        Some(0) => Err(Error::Zero),
        Some(price) => Ok(price),
        None => Err(Error::Script(format!("a bid quantity is invalid: {text:?}"))),
    }
}
