//! Why there is no offer that can be taken: who was asked, and what each said.
//!
//! A provider of ours tells its reason when asked, and tells the chain where that keeps declines:
//! then it need not even answer. Of others only what the chain shows can be
//! said: attributes that are missing, signatures of auditors, a price above the limit.

use std::time::Duration;

use client::gateway::Gateway;
use serde_json::{Value, json};
use types::wire::{
    akash::provider::v1beta4::Provider,
    haggle::market::v1::{Decline, Dimension},
};

use super::{
    Args, Deployment,
    bids::{Collected, host},
};
use crate::{
    context::Context,
    failure::Result,
    numbers,
    printer::{Column, clean},
};

/// How long one provider may take to say why.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many providers without an offer are asked when there are other offers.
const SILENT_MAX: usize = 8;

/// One provider and its reason.
pub(super) struct Explanation {
    provider: String,
    host: String,
    reason: String,
}

impl Explanation {
    pub(super) fn json(&self) -> Value {
        json!({ "provider": self.provider, "host": self.host, "reason": self.reason })
    }
}

/// Asks everyone.
pub(super) async fn explain(
    deployment: &Deployment,
    args: &Args,
    compiled: &sdl::Compiled,
    collected: &Collected,
) -> Result<Vec<Explanation>> {
    let asks = collected.providers.iter().map(|provider| async {
        Explanation {
            provider: provider.owner.clone(),
            host: host(provider),
            reason: reason(deployment, args, compiled, collected, provider).await,
        }
    });
    Ok(futures::future::join_all(asks).await)
}

/// Asks those who made no offer at all, while somebody else's is taken.
pub(super) async fn explain_silent(
    deployment: &Deployment,
    args: &Args,
    compiled: &sdl::Compiled,
    collected: &Collected,
) -> Vec<Explanation> {
    let bid = |it: &Provider| collected.offers.iter().any(|offer| offer.id.provider == it.owner);
    let silent = collected.providers.iter().filter(|it| !bid(it));
    let asks = silent.take(SILENT_MAX).map(|provider| async {
        Explanation {
            provider: provider.owner.clone(),
            host: host(provider),
            reason: reason(deployment, args, compiled, collected, provider).await,
        }
    });
    futures::future::join_all(asks).await
}

async fn reason(
    deployment: &Deployment,
    args: &Args,
    compiled: &sdl::Compiled,
    collected: &Collected,
    provider: &Provider,
) -> String {
    let mut offers = collected.offers.iter().filter(|it| it.id.provider == provider.owner);
    if !args.providers.is_empty() && !args.providers.contains(&provider.owner) {
        return "left out by --provider".to_owned();
    }
    if let Some(offer) = offers.next() {
        return match args.max_price {
            Some(most) if offer.price.block > most => format!(
                "asks {} {} per block, more than --max-price {}",
                numbers::short(offer.price.block, 6),
                offer.price.denom,
                numbers::short(most, 6)
            ),
            _ => format!("made an offer for group {}, but not for all", offer.id.gseq),
        };
    }
    // What it told the chain, signed, needs nobody to answer.
    if let Some(told) = told(deployment, provider).await {
        return told;
    }
    // The provider itself knows best.
    let asked = async {
        let gateway = Gateway::connect(deployment.chain(), &provider.owner, None).await?;
        Ok::<_, client::Error>(gateway.declines(&deployment.owner, deployment.dseq).await?)
    };
    let silent = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(declines)) if !declines.is_empty() => {
            let reasons: Vec<String> = declines.iter().map(|it| clean(&it.reason)).collect();
            return reasons.join("; ");
        }
        Ok(Err(client::Error::Gateway(client::gateway::GatewayError::Unreachable { .. })))
        | Err(_) => "does not answer",
        Ok(_) => "did not say why",
    };
    if let Some(missing) = missing(compiled, provider) {
        return missing;
    }
    if let Some(unsigned) = unsigned(deployment, compiled, provider).await {
        return unsigned;
    }
    format!("{silent}; its attributes fit, so it is about price or capacity")
}

/// The declines of a provider on the orders of a deployment that the chain keeps.
async fn told(deployment: &Deployment, provider: &Provider) -> Option<String> {
    let mut reasons = Vec::new();
    for id in &deployment.orders {
        // A chain without declines, such as the reference network, has no such query.
        let declines = deployment.chain().declines(id).await.unwrap_or_default();
        let own = declines.iter().find(|it| it.provider == provider.owner);
        if let Some(own) = own {
            let text = receipt(own);
            if !reasons.contains(&text) {
                reasons.push(text);
            }
        }
    }
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// A decline in words.
fn receipt(it: &Decline) -> String {
    let subject = clean(&it.subject);
    let missing = clean(&it.shortfall);
    let bytes = || it.shortfall.parse().ok().map(quantity).unwrap_or_else(|| missing.clone());
    let with = |what: &str| match (subject.is_empty(), missing.is_empty()) {
        (true, true) => what.to_owned(),
        (false, true) => format!("{what}: {subject}"),
        (true, false) => format!("{what}: {missing} more needed"),
        (false, false) => format!("{what}: {missing} more of {subject} needed"),
    };
    match it.dimension() {
        Dimension::Price if missing.is_empty() => format!("price: it has none in {subject}"),
        Dimension::Price => format!("price: it asks {missing}{subject} more per block"),
        Dimension::Cpu => format!("cpu: {missing} milli-CPU are missing"),
        Dimension::Memory => format!("memory: {} are missing", bytes()),
        Dimension::StorageClass if missing.is_empty() => {
            format!("storage: class of {subject} is not offered")
        }
        Dimension::StorageClass => format!("storage class {subject}: {} are missing", bytes()),
        Dimension::GpuModel => with("gpu model"),
        Dimension::Attribute => format!("attributes: {subject} is missing"),
        Dimension::Auditor => format!("not signed by auditor {subject}"),
        Dimension::Region => format!("region: {subject} is not served"),
        Dimension::Policy => with("policy"),
        Dimension::Unspecified => "declined".to_owned(),
    }
}

/// Bytes in the largest unit that divides them.
fn quantity(bytes: u64) -> String {
    let units = [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)];
    match units.iter().find(|(_, shift)| bytes != 0 && bytes.trailing_zeros() >= *shift) {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}

/// Attributes that the file asks for and the provider does not have.
fn missing(compiled: &sdl::Compiled, provider: &Provider) -> Option<String> {
    let wanted = compiled.groups.iter().map(|it| &it.requirements.attributes);
    let missing: Vec<String> = wanted
        .flat_map(|it| provider::attributes::missing(it, &provider.attributes))
        .map(|it| match provider.attributes.iter().find(|has| has.key == it.key) {
            Some(has) => format!("{} is {}, not {}", it.key, clean(&has.value), it.value),
            None => format!("{} is not {}", it.key, it.value),
        })
        .collect();
    (!missing.is_empty()).then(|| format!("attributes: {}", missing.join(", ")))
}

/// Auditors that the file asks for and that did not sign.
async fn unsigned(
    deployment: &Deployment,
    compiled: &sdl::Compiled,
    provider: &Provider,
) -> Option<String> {
    let wanted: Vec<_> = compiled.groups.iter().map(|it| &it.requirements.signed_by).collect();
    if wanted.iter().all(|it| it.all_of.is_empty() && it.any_of.is_empty()) {
        return None;
    }
    let audited = deployment.chain().audited_attributes(&provider.owner).await.ok()?;
    let signed = |auditor: &String| audited.iter().any(|it| it.auditor == *auditor);
    for it in wanted {
        if let Some(auditor) = it.all_of.iter().find(|it| !signed(it)) {
            return Some(format!("its attributes are not signed by {auditor}"));
        }
        if !it.any_of.is_empty() && !it.any_of.iter().any(signed) {
            return Some("its attributes are signed by none of the auditors asked for".to_owned());
        }
    }
    None
}

/// Shows the reasons.
pub(super) fn show(cx: &Context, reasons: &[Explanation]) {
    if reasons.is_empty() {
        cx.printer.line("No provider is registered on this chain, so nobody was asked.");
        return;
    }
    let rows: Vec<Vec<String>> = reasons
        .iter()
        .map(|it| vec![numbers::brief(&it.provider), it.host.clone(), it.reason.clone()])
        .collect();
    let columns =
        [Column::Text("asked"), Column::Text("host"), Column::Text("why there is no offer")];
    cx.printer.table(&columns, &rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decline_on_chain_is_told_in_words() {
        let told = |dimension: Dimension, subject: &str, shortfall: &str| {
            receipt(&Decline {
                dimension: dimension.into(),
                subject: subject.to_owned(),
                shortfall: shortfall.to_owned(),
                ..Decline::default()
            })
        };
        assert_eq!(told(Dimension::Price, "uact", "2.5"), "price: it asks 2.5uact more per block");
        assert_eq!(told(Dimension::Memory, "", "1073741824"), "memory: 1Gi are missing");
        assert_eq!(told(Dimension::Memory, "", "7"), "memory: 7 bytes are missing");
        assert_eq!(told(Dimension::GpuModel, "a100", "2"), "gpu model: 2 more of a100 needed");
        assert_eq!(told(Dimension::Region, "region=eu", ""), "region: region=eu is not served");
    }
}
