//! What happened to the workloads of each lease, for tenants to read (spec `provider.md` 4.14).
//!
//! Called by: the service (record), the gateway (replay, follow). Owns the last [`MOST`] events per
//! lease, for one hour.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use backend::Change;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::broadcast;
use types::ids::LeaseId;

/// Kept per lease.
pub(crate) const MOST: usize = 1000;
/// Kept for so long.
const AGE_MAX: Duration = Duration::from_secs(3600);
/// A follower that is further behind misses some.
const BEHIND_MAX: usize = 256;

/// Events by lease, and a channel of new ones.
#[derive(Debug)]
pub(crate) struct EventLog {
    kept: Mutex<BTreeMap<LeaseId, VecDeque<(Instant, Change)>>>,
    new: broadcast::Sender<Change>,
}

impl Default for EventLog {
    fn default() -> EventLog {
        EventLog { kept: Mutex::default(), new: broadcast::channel(BEHIND_MAX).0 }
    }
}

impl EventLog {
    pub(crate) fn record(&self, change: Change) {
        self.record_at(change, Instant::now());
    }

    fn record_at(&self, change: Change, now: Instant) {
        let mut kept = self.kept.lock();
        let row = kept.entry(change.lease.clone()).or_default();
        if row.len() == MOST {
            row.pop_front();
        }
        row.push_back((now, change.clone()));
        kept.retain(|_, row| {
            row.retain(|(at, _)| now.duration_since(*at) <= AGE_MAX);
            !row.is_empty()
        });
        drop(kept);
        // Nobody listening is fine.
        let _ = self.new.send(change);
    }

    /// What is kept of a lease, and what comes after.
    pub(crate) fn of(&self, lease: &LeaseId) -> (Vec<Change>, broadcast::Receiver<Change>) {
        let kept = self.kept.lock();
        let new = self.new.subscribe();
        (kept.get(lease).into_iter().flatten().map(|it| it.1.clone()).collect(), new)
    }
}

/// The wire form.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "reportingController")]
    controller: &'static str,
    reason: &'static str,
    note: String,
    object: Object,
}

#[derive(Debug, Serialize)]
struct Object {
    kind: &'static str,
    namespace: String,
    name: String,
}

pub(crate) fn show(change: &Change) -> Shown {
    let name = if change.replica.is_empty() { &change.service } else { &change.replica };
    Shown {
        kind: if change.kind.is_warning() { "Warning" } else { "Normal" },
        controller: "docker",
        reason: change.kind.reason(),
        note: change.note.clone(),
        object: Object {
            kind: "Pod",
            namespace: backend::lease_name(&change.lease),
            name: name.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    use backend::ChangeKind;
    use client::keys::PrivateKey;

    fn change(dseq: u64, note: &str, at: SystemTime) -> Change {
        let somebody: types::Address =
            PrivateKey::from_bytes(&[7; 32]).unwrap().public().address().parse().unwrap();
        let lease = LeaseId {
            owner: somebody.clone(),
            dseq,
            gseq: 1,
            oseq: 1,
            provider: somebody,
            bseq: 0,
        };
        Change {
            lease,
            service: "web".into(),
            replica: "web-12345678-0".into(),
            kind: ChangeKind::Started,
            note: note.into(),
            at,
        }
    }

    #[test]
    fn events_are_kept_per_lease_and_old_ones_go() {
        let log = EventLog::default();
        let now = SystemTime::now();
        let began = Instant::now();
        let later = began + AGE_MAX * 2;
        log.record_at(change(1, "old", now), began);
        log.record_at(change(1, "a", now), later);
        log.record_at(change(2, "b", now), later);
        let (kept, mut new) = log.of(&change(1, "", now).lease);
        assert_eq!(kept.iter().map(|it| it.note.as_str()).collect::<Vec<_>>(), ["a"]);
        log.record_at(change(1, "c", now), later);
        assert_eq!(new.try_recv().unwrap().note, "c");
    }

    #[test]
    fn the_wire_form_is_that_of_the_reference() {
        let shown = show(&change(1, "Started container web", SystemTime::now()));
        let json = serde_json::to_value(shown).unwrap();
        assert_eq!(json["type"], "Normal");
        assert_eq!(json["object"]["kind"], "Pod");
        assert_eq!(json["object"]["name"], "web-12345678-0");
        assert_eq!(json["reason"], "Started");
    }
}
