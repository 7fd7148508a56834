//! Labels and names of engine objects, and the record of what is wanted.
//!
//! The record is an empty volume whose labels hold the workload as JSON: the engine keeps it, containers
//! need not be recreated when a host name changes, and a restarted provider reads it back.
//! A new record is written before the old one goes; the highest sequence wins.

use std::collections::{BTreeMap, HashMap};

use bollard::{
    models::{ContainerSummary, Network, Volume, VolumeCreateRequest},
    query_parameters as query,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use types::ids::LeaseId;

use super::Docker;
use crate::{Proto, Result, Workload, lease_name, lease_path};

/// Which provider an object belongs to.
pub(super) const OWNER: &str = "haggle.provider";
/// Which lease, as `owner/dseq/gseq/oseq/provider`.
pub(super) const LEASE: &str = "haggle.lease";
/// The lease's name space, as a Kubernetes provider names it.
pub(super) const NAMESPACE: &str = "haggle.namespace";
/// `container`, `network`, `volume` or `record`.
pub(super) const KIND: &str = "haggle.kind";
/// Name of the service.
pub(super) const SERVICE: &str = "haggle.service";
/// Index of the replica.
pub(super) const REPLICA: &str = "haggle.replica";
/// Fingerprint of the specification.
pub(super) const HASH: &str = "haggle.hash";
/// Comma-separated identities of the devices it holds.
pub(super) const GPUS: &str = "haggle.gpus";
const RECORD: &str = "haggle.record";
const SEQUENCE: &str = "haggle.sequence";

/// What a volume's labels remember of a lease.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) workload: Workload,
    /// Service, container port, transport, port of the host.
    pub(super) ports: Vec<(String, u16, Proto, u16)>,
}

/// A record and the volume that holds it.
#[derive(Debug, Clone)]
pub(super) struct Filed {
    pub(super) lease: LeaseId,
    pub(super) sequence: u64,
    pub(super) volume: String,
    /// `None` when it cannot be read.
    pub(super) record: Option<Record>,
}

/// The names of one lease's objects. They start with a fingerprint of owner and lease, so that two chains
/// with the same accounts do not meet on one engine.
pub(super) struct Names {
    key: String,
}

impl Names {
    pub(super) fn new(owner: &str, lease: &LeaseId) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(owner);
        hasher.update([0]);
        hasher.update(lease_path(lease));
        Self { key: format!("hg{}", &hex::encode(hasher.finalize())[..12]) }
    }

    /// The network, and its bridge on the host (14 characters; Linux allows 15).
    pub(super) fn network(&self) -> &str {
        &self.key
    }

    pub(super) fn container(&self, service: &str, index: u32, hash: &str) -> String {
        format!("{}-{service}-{index}-{}", self.key, hash.get(..8).unwrap_or(hash))
    }

    pub(super) fn volume(&self, service: &str, index: u32, volume: &str) -> String {
        format!("{}-{service}-{index}-{volume}", self.key)
    }

    fn record(&self, sequence: u64) -> String {
        format!("{}-record-{sequence}", self.key)
    }
}

/// A label filter as the engine's list calls take it.
pub(super) fn filter(labels: &[(&str, &str)]) -> HashMap<String, Vec<String>> {
    let values = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    HashMap::from([("label".to_owned(), values)])
}

impl Docker {
    pub(super) fn names(&self, lease: &LeaseId) -> Names {
        Names::new(&self.config().owner, lease)
    }

    /// The labels that every object of a lease carries.
    pub(super) fn labels(&self, lease: &LeaseId, kind: &str) -> HashMap<String, String> {
        HashMap::from([
            (OWNER.to_owned(), self.config().owner.clone()),
            (LEASE.to_owned(), lease_path(lease)),
            (NAMESPACE.to_owned(), lease_name(lease)),
            (KIND.to_owned(), kind.to_owned()),
        ])
    }

    /// Containers of this owner, of one lease or of all.
    pub(super) async fn containers(
        &self,
        lease: Option<&LeaseId>,
    ) -> Result<Vec<ContainerSummary>> {
        let options = query::ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&self.mine(lease, "container"))
            .build();
        let found = self.engine().list_containers(Some(options)).await;
        found.map_err(|error| self.failed("listing containers", &error))
    }

    pub(super) async fn networks(&self, lease: Option<&LeaseId>) -> Result<Vec<Network>> {
        let options = query::ListNetworksOptionsBuilder::default()
            .filters(&self.mine(lease, "network"))
            .build();
        let found = self.engine().list_networks(Some(options)).await;
        found.map_err(|error| self.failed("listing networks", &error))
    }

    pub(super) async fn volumes(&self, lease: Option<&LeaseId>, kind: &str) -> Result<Vec<Volume>> {
        let options =
            query::ListVolumesOptionsBuilder::default().filters(&self.mine(lease, kind)).build();
        let found = self.engine().list_volumes(Some(options)).await;
        let found = found.map_err(|error| self.failed("listing volumes", &error))?;
        Ok(found.volumes.unwrap_or_default())
    }

    fn mine(&self, lease: Option<&LeaseId>, kind: &str) -> HashMap<String, Vec<String>> {
        let path = lease.map(lease_path);
        let mut labels = vec![(OWNER, self.config().owner.as_str()), (KIND, kind)];
        if let Some(path) = &path {
            labels.push((LEASE, path));
        }
        filter(&labels)
    }

    /// The newest record of each lease, and the volumes of outdated ones.
    pub(super) async fn records(
        &self,
        lease: Option<&LeaseId>,
    ) -> Result<(BTreeMap<LeaseId, Filed>, Vec<String>)> {
        let mut newest: BTreeMap<LeaseId, Filed> = BTreeMap::new();
        let mut outdated = Vec::new();
        for volume in self.volumes(lease, "record").await? {
            let Some(filed) = read(volume) else { continue };
            match newest.get(&filed.lease) {
                Some(known) if known.sequence >= filed.sequence => outdated.push(filed.volume),
                _ => {
                    let before = newest.insert(filed.lease.clone(), filed);
                    outdated.extend(before.map(|it| it.volume));
                }
            }
        }
        Ok((newest, outdated))
    }

    /// Writes what is wanted, unless it is what was written last.
    pub(super) async fn file(&self, lease: &LeaseId, record: &Record) -> Result {
        let (newest, mut outdated) = self.records(Some(lease)).await?;
        let last = newest.into_values().next();
        if last.as_ref().and_then(|it| it.record.as_ref()) != Some(record) {
            let sequence = last.as_ref().map_or(1, |it| it.sequence + 1);
            let text = serde_json::to_string(record).unwrap_or_default();
            let mut labels = self.labels(lease, "record");
            labels.insert(RECORD.to_owned(), text);
            labels.insert(SEQUENCE.to_owned(), sequence.to_string());
            let request = VolumeCreateRequest {
                name: Some(self.names(lease).record(sequence)),
                labels: Some(labels),
                ..VolumeCreateRequest::default()
            };
            let made = self.engine().create_volume(request).await;
            made.map_err(|error| self.failed("recording the workload", &error))?;
            outdated.extend(last.map(|it| it.volume));
        }
        for volume in outdated {
            self.remove_volume(&volume).await?;
        }
        Ok(())
    }

    pub(super) async fn remove_volume(&self, name: &str) -> Result {
        let gone = self.engine().remove_volume(name, None::<query::RemoveVolumeOptions>).await;
        match gone {
            Err(error) if super::code(&error) != Some(404) => {
                Err(self.failed("removing a volume", &error))
            }
            _ => Ok(()),
        }
    }
}

fn read(volume: Volume) -> Option<Filed> {
    let lease = volume.labels.get(LEASE)?.parse().ok()?;
    let sequence = volume.labels.get(SEQUENCE)?.parse().ok()?;
    let record = volume.labels.get(RECORD).and_then(|text| serde_json::from_str(text).ok());
    Some(Filed { lease, sequence, volume: volume.name, record })
}
