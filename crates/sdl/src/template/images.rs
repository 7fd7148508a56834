//! What well-known images listen on, where they keep their data, and what they need to start.
//!
//! Called by the wizard and by `from-compose`. From the images' own documentation; versions are suggestions for
//! people who name none, not the newest.

use super::{Audience, Budget, Port, Proto, Size, Template, Volume};
use std::collections::BTreeMap;

/// One well-known image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownImage {
    /// The last part of its name, e.g. `postgres` of `docker.io/library/postgres`.
    pub name: &'static str,
    /// What it is, for people.
    pub what: &'static str,
    /// A version to suggest.
    pub tag: &'static str,
    /// Ports in order of importance: port, protocol, and who is meant to connect.
    pub ports: &'static [(u16, Proto, Audience)],
    /// Where it keeps what must not be lost.
    pub data: Option<&'static str>,
    /// Size that fits a small installation: `small`, `medium`, `large` or `gpu`.
    pub size: &'static str,
    /// Variables without which it does not start, and what they are.
    pub needs: &'static [(&'static str, &'static str)],
}

use Audience::{Internal, Web, World};
use Proto::{Tcp, Udp};

/// Shorthand for a table that fits on a screen.
const fn known(
    name: &'static str,
    what: &'static str,
    tag: &'static str,
    ports: &'static [(u16, Proto, Audience)],
    data: Option<&'static str>,
    size: &'static str,
    needs: &'static [(&'static str, &'static str)],
) -> KnownImage {
    KnownImage { name, what, tag, ports, data, size, needs }
}

const NONE: &[(&str, &str)] = &[];
const WEB_80: &[(u16, Proto, Audience)] = &[(80, Tcp, Web)];
const WEB_3000: &[(u16, Proto, Audience)] = &[(3000, Tcp, Web)];
const WEB_8080: &[(u16, Proto, Audience)] = &[(8080, Tcp, Web)];
const PASSWORD: &str = "the administrator's password";

/// All of them, by name.
static KNOWN: &[KnownImage] = &[
    known("adminer", "database administration", "5", WEB_8080, None, "small", NONE),
    known("caddy", "web server", "2.10", WEB_80, Some("/data"), "small", NONE),
    known(
        "clickhouse-server",
        "analytical database",
        "25.3",
        &[(8123, Tcp, Web), (9000, Tcp, Internal)],
        Some("/var/lib/clickhouse"),
        "medium",
        NONE,
    ),
    known(
        "code-server",
        "editor in the browser",
        "4.99.4",
        WEB_8080,
        Some("/home/coder"),
        "medium",
        NONE,
    ),
    known("comfyui", "image generation", "v0.3", &[(8188, Tcp, Web)], Some("/root"), "gpu", NONE),
    known(
        "couchdb",
        "document database",
        "3.4",
        &[(5984, Tcp, Web)],
        Some("/opt/couchdb/data"),
        "small",
        &[("COUCHDB_USER", "the administrator's name"), ("COUCHDB_PASSWORD", PASSWORD)],
    ),
    known(
        "elasticsearch",
        "search engine",
        "8.17.0",
        &[(9200, Tcp, Internal)],
        Some("/usr/share/elasticsearch/data"),
        "medium",
        NONE,
    ),
    known(
        "flowise",
        "builder of language-model flows",
        "2.2.7",
        WEB_3000,
        Some("/root/.flowise"),
        "medium",
        NONE,
    ),
    known(
        "ghost",
        "blog",
        "5.115",
        &[(2368, Tcp, Web)],
        Some("/var/lib/ghost/content"),
        "small",
        NONE,
    ),
    known(
        "gitea",
        "git hosting",
        "1.23",
        &[(3000, Tcp, Web), (22, Tcp, World)],
        Some("/data"),
        "small",
        NONE,
    ),
    known("grafana", "dashboards", "11.5.2", WEB_3000, Some("/var/lib/grafana"), "small", NONE),
    known("httpd", "web server", "2.4", WEB_80, None, "small", NONE),
    known(
        "influxdb",
        "time series database",
        "2.7",
        &[(8086, Tcp, Web)],
        Some("/var/lib/influxdb2"),
        "small",
        NONE,
    ),
    known(
        "jellyfin",
        "media server",
        "10.10.6",
        &[(8096, Tcp, Web)],
        Some("/config"),
        "medium",
        NONE,
    ),
    known("jenkins", "build server", "2.504", WEB_8080, Some("/var/jenkins_home"), "medium", NONE),
    known(
        "kafka",
        "message log",
        "3.9.0",
        &[(9092, Tcp, Internal)],
        Some("/var/lib/kafka/data"),
        "medium",
        NONE,
    ),
    known("keycloak", "identity server", "26.1", WEB_8080, None, "medium", NONE),
    known(
        "mariadb",
        "SQL database",
        "11.7",
        &[(3306, Tcp, Internal)],
        Some("/var/lib/mysql"),
        "small",
        &[("MARIADB_ROOT_PASSWORD", PASSWORD)],
    ),
    known(
        "meilisearch",
        "search engine",
        "v1.13",
        &[(7700, Tcp, Web)],
        Some("/meili_data"),
        "small",
        &[("MEILI_MASTER_KEY", "the key that protects it, at least 16 bytes")],
    ),
    known("memcached", "cache", "1.6", &[(11211, Tcp, Internal)], None, "small", NONE),
    known(
        "minecraft-server",
        "game server",
        "java21",
        &[(25565, Tcp, World)],
        Some("/data"),
        "medium",
        &[("EULA", "TRUE if you accept Mojang's licence")],
    ),
    known(
        "minio",
        "object storage",
        "RELEASE.2025-02-28T09-55-16Z",
        &[(9001, Tcp, Web), (9000, Tcp, World)],
        Some("/data"),
        "small",
        &[("MINIO_ROOT_USER", "the administrator's name"), ("MINIO_ROOT_PASSWORD", PASSWORD)],
    ),
    known(
        "mongo",
        "document database",
        "8.0",
        &[(27017, Tcp, Internal)],
        Some("/data/db"),
        "small",
        NONE,
    ),
    known(
        "mosquitto",
        "MQTT broker",
        "2.0",
        &[(1883, Tcp, World)],
        Some("/mosquitto/data"),
        "small",
        NONE,
    ),
    known(
        "mysql",
        "SQL database",
        "8.4",
        &[(3306, Tcp, Internal)],
        Some("/var/lib/mysql"),
        "medium",
        &[("MYSQL_ROOT_PASSWORD", PASSWORD)],
    ),
    known(
        "n8n",
        "workflow automation",
        "1.82.3",
        &[(5678, Tcp, Web)],
        Some("/home/node/.n8n"),
        "small",
        NONE,
    ),
    known("nats", "messaging", "2.11", &[(4222, Tcp, Internal)], None, "small", NONE),
    known(
        "neo4j",
        "graph database",
        "5.26",
        &[(7474, Tcp, Web), (7687, Tcp, World)],
        Some("/data"),
        "medium",
        NONE,
    ),
    known("nextcloud", "files and calendar", "31.0", WEB_80, Some("/var/www/html"), "medium", NONE),
    known("nginx", "web server", "1.28", WEB_80, None, "small", NONE),
    known(
        "node-exporter",
        "machine metrics",
        "v1.9.0",
        &[(9100, Tcp, Internal)],
        None,
        "small",
        NONE,
    ),
    known(
        "odoo",
        "business software",
        "18.0",
        &[(8069, Tcp, Web)],
        Some("/var/lib/odoo"),
        "medium",
        NONE,
    ),
    known(
        "ollama",
        "language models",
        "0.6.2",
        &[(11434, Tcp, Web)],
        Some("/root/.ollama"),
        "gpu",
        NONE,
    ),
    known(
        "open-webui",
        "chat with language models",
        "v0.5.20",
        WEB_8080,
        Some("/app/backend/data"),
        "medium",
        NONE,
    ),
    known(
        "opensearch",
        "search engine",
        "2.19.1",
        &[(9200, Tcp, Internal)],
        Some("/usr/share/opensearch/data"),
        "medium",
        NONE,
    ),
    known("phpmyadmin", "database administration", "5.2", WEB_80, None, "small", NONE),
    known(
        "pgvector",
        "SQL database with vectors",
        "pg17",
        &[(5432, Tcp, Internal)],
        Some("/var/lib/postgresql/data"),
        "small",
        &[("POSTGRES_PASSWORD", PASSWORD)],
    ),
    known(
        "postgres",
        "SQL database",
        "17",
        &[(5432, Tcp, Internal)],
        Some("/var/lib/postgresql/data"),
        "small",
        &[("POSTGRES_PASSWORD", PASSWORD)],
    ),
    known(
        "postgis",
        "SQL database with maps",
        "17-3.5",
        &[(5432, Tcp, Internal)],
        Some("/var/lib/postgresql/data"),
        "small",
        &[("POSTGRES_PASSWORD", PASSWORD)],
    ),
    known(
        "prometheus",
        "metrics",
        "v3.2.1",
        &[(9090, Tcp, Web)],
        Some("/prometheus"),
        "small",
        NONE,
    ),
    known(
        "qdrant",
        "vector database",
        "v1.13.4",
        &[(6333, Tcp, Web), (6334, Tcp, Internal)],
        Some("/qdrant/storage"),
        "small",
        NONE,
    ),
    known(
        "rabbitmq",
        "message broker",
        "4.0-management",
        &[(15672, Tcp, Web), (5672, Tcp, Internal)],
        Some("/var/lib/rabbitmq"),
        "small",
        NONE,
    ),
    known(
        "redis",
        "cache and queue",
        "7.4",
        &[(6379, Tcp, Internal)],
        Some("/data"),
        "small",
        NONE,
    ),
    known(
        "registry",
        "image registry",
        "2.8",
        &[(5000, Tcp, Web)],
        Some("/var/lib/registry"),
        "small",
        NONE,
    ),
    known(
        "syncthing",
        "file synchronisation",
        "1.29",
        &[(8384, Tcp, Web), (22000, Tcp, World), (22000, Udp, World)],
        Some("/var/syncthing"),
        "small",
        NONE,
    ),
    known(
        "text-generation-inference",
        "language models",
        "3.1.0",
        WEB_80,
        Some("/data"),
        "gpu",
        NONE,
    ),
    known("traefik", "reverse proxy", "v3.3", WEB_80, None, "small", NONE),
    known("umami", "web analytics", "postgresql-v2.17.0", WEB_3000, None, "small", NONE),
    known(
        "uptime-kuma",
        "monitoring",
        "1.23.16",
        &[(3001, Tcp, Web)],
        Some("/app/data"),
        "small",
        NONE,
    ),
    known(
        "valkey",
        "cache and queue",
        "8.1",
        &[(6379, Tcp, Internal)],
        Some("/data"),
        "small",
        NONE,
    ),
    known("vault", "secret store", "1.18", &[(8200, Tcp, Web)], Some("/vault/file"), "small", NONE),
    known("vaultwarden", "password manager", "1.33.2", WEB_80, Some("/data"), "small", NONE),
    known(
        "vllm-openai",
        "language models",
        "v0.8.1",
        &[(8000, Tcp, Web)],
        Some("/root/.cache/huggingface"),
        "gpu",
        NONE,
    ),
    known(
        "weaviate",
        "vector database",
        "1.29.0",
        &[(8080, Tcp, Web)],
        Some("/var/lib/weaviate"),
        "small",
        NONE,
    ),
    known("whoami", "echo of requests", "v1.11", WEB_80, None, "small", NONE),
    known(
        "wireguard",
        "virtual network",
        "1.0.20210914",
        &[(51820, Udp, World)],
        Some("/config"),
        "small",
        NONE,
    ),
    known("wordpress", "web site", "6.7", WEB_80, Some("/var/www/html"), "small", NONE),
];

/// What is known about an image, whatever its registry and version.
#[must_use]
pub fn known_image(image: &str) -> Option<&'static KnownImage> {
    let name = short_name(image);
    KNOWN.iter().find(|it| it.name == name)
}

/// The last part of an image's name: `postgres` of `registry.example:5000/library/postgres:17`.
pub(crate) fn short_name(image: &str) -> &str {
    let (name, _) = parts(image);
    name.rsplit('/').next().unwrap_or(name)
}

/// Name and tag; what stands after `@` is a digest and no tag.
pub(crate) fn parts(image: &str) -> (&str, Option<&str>) {
    let image = image.split('@').next().unwrap_or(image);
    let last = image.rfind('/').map_or(0, |it| it + 1);
    match image.get(last..).and_then(|it| it.find(':')) {
        Some(at) => (image.get(..last + at).unwrap_or(image), image.get(last + at + 1..)),
        None => (image, None),
    }
}

/// What PostgreSQL has to be told when its directory is a disk of its own: a new disk holds `lost+found`, and it wants
/// an empty directory.
pub(crate) fn data_directory(image: &str, mount: &str) -> Option<(&'static str, &'static str)> {
    let is_postgres = matches!(short_name(image), "postgres" | "postgis" | "pgvector");
    (is_postgres && mount == "/var/lib/postgresql/data")
        .then_some(("PGDATA", "/var/lib/postgresql/data/pgdata"))
}

/// The size of a name.
pub(crate) fn size(name: &str) -> Option<Size> {
    let size = |cpu: &str, memory: &str, storage: &str| Size {
        cpu: cpu.to_owned(),
        memory: memory.to_owned(),
        storage: storage.to_owned(),
        gpu: None,
    };
    Some(match name {
        "small" => size("0.5", "512Mi", "1Gi"),
        "medium" => size("2", "4Gi", "10Gi"),
        "large" => size("8", "16Gi", "50Gi"),
        "gpu" => Size {
            gpu: Some(super::Gpu { units: 1, models: vec!["rtx4090".to_owned()] }),
            ..size("8", "32Gi", "100Gi")
        },
        _ => return None,
    })
}

/// Ports with at least one way in: what is meant for services of the group is opened to the world when nothing else
/// is, because a deployment that nobody can reach is refused.
pub(super) fn ports(known: Option<&KnownImage>) -> Vec<Port> {
    let list = known.map_or(WEB_80, |it| it.ports);
    let reachable = list.iter().any(|it| it.2 != Internal);
    list.iter()
        .map(|(port, proto, audience)| Port {
            port: *port,
            proto: *proto,
            audience: if reachable { *audience } else { World },
            hosts: Vec::new(),
        })
        .collect()
}

pub(super) fn template(image: &str) -> Template {
    let known = known_image(image);
    let size_name = known.map_or("small", |it| it.size);
    let volume_size = if size_name == "gpu" { "100Gi" } else { "10Gi" };
    let mut template = Template {
        name: crate::compose::service_name(short_name(image)),
        image: image.to_owned(),
        ports: ports(known),
        size: size(size_name).unwrap_or(Size {
            cpu: "0.5".to_owned(),
            memory: "512Mi".to_owned(),
            storage: "1Gi".to_owned(),
            gpu: None,
        }),
        volumes: known
            .and_then(|it| it.data)
            .map(|mount| Volume {
                name: "data".to_owned(),
                size: volume_size.to_owned(),
                mount: mount.to_owned(),
                class: "beta2".to_owned(),
            })
            .into_iter()
            .collect(),
        env: Vec::new(),
        command: Vec::new(),
        args: Vec::new(),
        replicas: 1,
        budget: Budget::PerMonth("1".to_owned()),
        denom: crate::explain::cost::CHAIN_DENOM.to_owned(),
        block_time_ms: crate::explain::BLOCK_TIME_MS,
        placement: "anywhere".to_owned(),
        attributes: BTreeMap::new(),
        signed_by_any: Vec::new(),
    };
    template.budget = Budget::PerMonth(super::estimate::for_template(&template).to_string());
    template
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_enough_to_read_and_has_no_name_twice() {
        let names: std::collections::BTreeSet<_> = KNOWN.iter().map(|it| it.name).collect();
        assert_eq!(names.len(), KNOWN.len());
        for it in KNOWN {
            assert!(size(it.size).is_some(), "{}", it.name);
            let webs = it.ports.iter().filter(|it| it.2 == Web).count();
            assert!(webs <= 1, "{} has more than one HTTP port", it.name);
        }
    }

    #[test]
    fn images_are_known_whatever_their_registry_and_version() {
        for image in [
            "postgres",
            "postgres:17",
            "docker.io/library/postgres:17",
            "r.example:5000/postgres@sha256:00",
        ] {
            assert_eq!(known_image(image).map(|it| it.name), Some("postgres"), "{image}");
        }
        assert_eq!(known_image("r.example:5000/app"), None);
        assert_eq!(parts("r.example:5000/app"), ("r.example:5000/app", None));
        assert_eq!(parts("r.example:5000/app:1"), ("r.example:5000/app", Some("1")));
    }
}
