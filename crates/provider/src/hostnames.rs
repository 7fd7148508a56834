//! Who may use which host name here, and the names that are generated (spec `provider.md` 4.17, 5.1).
//!
//! Called by: the gateway (manifests, migration), the service (teardown), the ingress. Pure; the
//! store keeps it across restarts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};
use types::ids::{GroupId, LeaseId};

/// Why a name may not be used; the texts are the reference's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("hostname not allowed: host \"{0}\" in use")]
    InUse(String),
    #[error("hostname not allowed: \"{0}\" is blocked by this provider")]
    Blocked(String),
    #[error("hostname not allowed: domain \"{0}\" is blocked by this provider")]
    BlockedDomain(String),
}

/// Names in use, and names that nobody may use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hostnames {
    blocked: Vec<String>,
    owners: BTreeMap<String, GroupId>,
}

/// How the names are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub host: String,
    pub group: GroupId,
}

impl Hostnames {
    pub(crate) fn new(blocked: &[String], rows: Vec<Row>) -> Hostnames {
        Hostnames {
            blocked: blocked.iter().map(|it| it.to_lowercase()).collect(),
            owners: rows.into_iter().map(|it| (it.host, it.group)).collect(),
        }
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        let rows = self.owners.iter();
        rows.map(|(host, group)| Row { host: host.clone(), group: group.clone() }).collect()
    }

    /// Whether the names are neither blocked nor another owner's.
    pub(crate) fn check<'a>(
        &self,
        group: &GroupId,
        hosts: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Refusal> {
        for host in hosts {
            let name = host.to_lowercase();
            for entry in &self.blocked {
                match entry.strip_prefix('.') {
                    None if name == *entry => return Err(Refusal::Blocked(host.to_owned())),
                    Some(domain) if name == domain => {
                        return Err(Refusal::Blocked(host.to_owned()));
                    }
                    Some(_) if name.ends_with(entry.as_str()) => {
                        return Err(Refusal::BlockedDomain(host.to_owned()));
                    }
                    _ => {}
                }
            }
            if self.owners.get(&name).is_some_and(|it| it.owner != group.owner) {
                return Err(Refusal::InUse(host.to_owned()));
            }
        }
        Ok(())
    }

    /// Makes the group use exactly these names: takes free ones, lets go of those no longer named.
    /// Names of the same owner's other groups stay theirs: they are withheld.
    pub(crate) fn reserve<'a>(
        &mut self,
        group: &GroupId,
        hosts: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Refusal> {
        let hosts: Vec<&str> = hosts.into_iter().collect();
        self.check(group, hosts.iter().copied())?;
        let names: Vec<String> = hosts.iter().map(|it| it.to_lowercase()).collect();
        self.owners.retain(|name, owner| owner != group || names.contains(name));
        for name in names {
            self.owners.entry(name).or_insert_with(|| group.clone());
        }
        Ok(())
    }

    /// Hands a name to another group of the same owner.
    pub(crate) fn transfer(&mut self, host: &str, to: &GroupId) -> Result<(), Refusal> {
        self.check(to, [host])?;
        self.owners.insert(host.to_lowercase(), to.clone());
        Ok(())
    }

    pub(crate) fn release(&mut self, group: &GroupId) {
        self.owners.retain(|_, owner| owner != group);
    }

    /// Whether the group has the name now (and it is not withheld).
    pub(crate) fn holds(&self, group: &GroupId, host: &str) -> bool {
        self.owners.get(&host.to_lowercase()) == Some(group)
    }
}

/// A DNS-1123 subdomain of at most 255 characters.
pub(crate) fn is_valid(name: &str) -> bool {
    let label = |it: &str| {
        !it.is_empty()
            && it.len() <= 63
            && it.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    name.len() <= 255 && name.split('.').all(label)
}

/// The first label of the generated host of a service: base32hex of `UUIDv5(DNS, lease + service)`.
pub(crate) fn generated_label(lease: &LeaseId, service: &str) -> String {
    label_of(&format!("{}{service}", backend::lease_path(lease)))
}

fn label_of(name: &str) -> String {
    base32hex(&uuid_v5_dns(name))
}

/// RFC 9562, version 5, in the name space for domain names.
fn uuid_v5_dns(name: &str) -> [u8; 16] {
    const DNS: [u8; 16] = [
        0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30,
        0xc8,
    ];
    let mut hash = Sha1::new();
    hash.update(DNS);
    hash.update(name.as_bytes());
    let digest = hash.finalize();
    let mut uuid = [0; 16];
    for (to, from) in uuid.iter_mut().zip(digest) {
        *to = from;
    }
    uuid[6] = (uuid[6] & 0x0f) | 0x50;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    uuid
}

/// Lower case, without padding.
fn base32hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let mut text = String::new();
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in bytes {
        bits = (bits << 8 | u32::from(*byte)) & 0xfff;
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(char::from(DIGITS[usize::try_from(bits >> count & 31).unwrap_or(0)]));
        }
    }
    if count > 0 {
        text.push(char::from(DIGITS[usize::try_from(bits << (5 - count) & 31).unwrap_or(0)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::keys::PrivateKey;

    fn group(owner: &types::Address, dseq: u64) -> GroupId {
        GroupId { owner: owner.clone(), dseq, gseq: 1 }
    }

    fn somebody() -> types::Address {
        PrivateKey::generate().public().address().parse().unwrap()
    }

    #[test]
    fn the_generated_host_is_that_of_the_reference() {
        let lease = "akash1qufa3xzrf34qvwyejkhvnc4psf49fftaw0asmh/1234567/1/1/akash1365yvmc4s7awdyj3n2sav7xfx76adc6dnmlx63";
        assert_eq!(label_of(&format!("{lease}web")), "c821v168fdd8perunboo5191i8");
    }

    #[test]
    fn blocked_names_and_domains() {
        let blocked = ["blocked.example.org".to_owned(), ".blocked-all.example".to_owned()];
        let names = Hostnames::new(&blocked, Vec::new());
        let me = group(&somebody(), 1);
        let check = |host: &str| names.check(&me, [host]).map_err(|it| it.to_string());
        assert_eq!(
            check("blocked.example.org").unwrap_err(),
            r#"hostname not allowed: "blocked.example.org" is blocked by this provider"#
        );
        assert_eq!(check("x.blocked.example.org"), Ok(()));
        assert_eq!(
            check("x.y.blocked-all.example").unwrap_err(),
            r#"hostname not allowed: domain "x.y.blocked-all.example" is blocked by this provider"#
        );
        assert_eq!(
            check("blocked-all.example").unwrap_err(),
            r#"hostname not allowed: "blocked-all.example" is blocked by this provider"#
        );
    }

    #[test]
    fn a_name_belongs_to_one_group_until_it_moves_or_is_let_go() {
        let mut names = Hostnames::default();
        let (alice, bob) = (somebody(), somebody());
        let (a, b, c) = (group(&alice, 1), group(&alice, 2), group(&bob, 3));
        names.reserve(&a, ["One.example", "two.example"]).unwrap();
        assert!(names.holds(&a, "one.EXAMPLE"));
        assert_eq!(
            names.reserve(&c, ["one.example"]).unwrap_err(),
            Refusal::InUse("one.example".into())
        );
        // Withheld: the same owner's other group has it.
        names.reserve(&b, ["one.example"]).unwrap();
        assert!(names.holds(&a, "one.example") && !names.holds(&b, "one.example"));
        names.transfer("one.example", &b).unwrap();
        assert!(names.holds(&b, "one.example"));
        // A new manifest without the name lets it go.
        names.reserve(&a, ["three.example"]).unwrap();
        assert!(!names.holds(&a, "two.example"));
        names.release(&b);
        names.reserve(&c, ["one.example"]).unwrap();
        let back = Hostnames::new(&[], names.rows());
        assert!(back.holds(&c, "one.example") && back.holds(&a, "three.example"));
    }
}
