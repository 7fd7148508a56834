//! Which versions of which modules this node speaks (chain.md 17, cosmos.md 2.10).

use serde_json::{Value, json};
use types::wire::akash::discovery::v1::{
    Akash, ClientInfo, GetInfoResponse, ModuleVersion, VersionInfo,
};

use super::Services;

/// Versions of the client interface, newest first. The oldest is what old clients read.
const API_VERSIONS: [&str; 2] = ["v1beta4", "v1beta3"];

const MODULES: [(&str, &str); 10] = [
    ("audit", "v1"),
    ("bme", "v1"),
    ("cert", "v1"),
    ("deployment", "v1beta4"),
    ("escrow", "v1"),
    ("market", "v1beta5"),
    ("oracle", "v2"),
    ("provider", "v1beta4"),
    ("take", "v1"),
    ("wasm", "v1"),
];

impl Services {
    pub(super) fn discovery(&self) -> GetInfoResponse {
        let info = self.chain.info();
        let modules = MODULES.map(|(module, version)| ModuleVersion {
            module: module.to_owned(),
            version: version.to_owned(),
        });
        let versions = API_VERSIONS.map(|it| VersionInfo {
            api_version: it.to_owned(),
            modules: modules.to_vec(),
            features: Vec::new(),
        });
        GetInfoResponse {
            info: Some(Akash {
                client_info: ClientInfo { api_version: API_VERSIONS[1].to_owned() },
                supported_versions: versions.to_vec(),
                chain_id: info.chain_id,
                node_version: info.version,
                min_client_version: String::new(),
            }),
        }
    }

    /// The result of the JSON-RPC method `akash`.
    pub(crate) fn discovery_json(&self) -> Value {
        let info = self.chain.info();
        let modules: Vec<_> =
            MODULES.iter().map(|(name, it)| json!({"module": name, "version": it})).collect();
        let versions: Vec<_> = API_VERSIONS
            .iter()
            .map(|it| json!({"api_version": it, "modules": modules, "features": null}))
            .collect();
        json!({
            "client_info": {"api_version": API_VERSIONS[1]},
            "supported_versions": versions,
            "chain_id": info.chain_id,
            "node_version": info.version,
            "min_client_version": "",
        })
    }
}
