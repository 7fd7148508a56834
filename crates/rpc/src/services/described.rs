//! What the reference tells of itself: interfaces and who implements them, descriptors, and the
//! hints its own command line is made from.
//!
//! Called by gRPC only (cosmos.md 3.7). The lists are data, in the order in which they were recorded.

use std::{collections::BTreeMap, sync::OnceLock};

use prost::Message;
use types::{
    json::{self, Unknown},
    registry::registry,
    wire::cosmos::base::reflection::{
        v1beta1::{
            ListAllInterfacesResponse, ListImplementationsRequest, ListImplementationsResponse,
        },
        v2alpha1::{
            AuthnDescriptor, ChainDescriptor, CodecDescriptor, ConfigurationDescriptor,
            GetAuthnDescriptorResponse, GetChainDescriptorResponse, GetCodecDescriptorResponse,
            GetConfigurationDescriptorResponse, GetQueryServicesDescriptorResponse,
            GetTxDescriptorResponse, InterfaceDescriptor, InterfaceImplementerDescriptor,
            MsgDescriptor, QueryMethodDescriptor, QueryServiceDescriptor, QueryServicesDescriptor,
            SigningModeDescriptor, TxDescriptor,
        },
    },
};

use super::{Answer, Services, read, unknown};
use crate::{chain::QueryError, status::INVALID_ARGUMENT};

/// Interfaces, each followed by its implementations, which are indented.
const INTERFACES: &str = include_str!("described/interfaces.txt");
const AUTOCLI: &str = include_str!("described/autocli.json");

const MSG: &str = "cosmos.base.v1beta1.Msg";
const MSG_RESPONSE: &str = "cosmos.tx.v1beta1.MsgResponse";

/// The methods answered here.
pub(super) const PATHS: &[&str] = &[
    "/cosmos.autocli.v1.Query/AppOptions",
    "/cosmos.base.reflection.v1beta1.ReflectionService/ListAllInterfaces",
    "/cosmos.base.reflection.v1beta1.ReflectionService/ListImplementations",
    "/cosmos.base.reflection.v2alpha1.ReflectionService/GetAuthnDescriptor",
    "/cosmos.base.reflection.v2alpha1.ReflectionService/GetChainDescriptor",
    "/cosmos.base.reflection.v2alpha1.ReflectionService/GetCodecDescriptor",
    "/cosmos.base.reflection.v2alpha1.ReflectionService/GetConfigurationDescriptor",
    "/cosmos.base.reflection.v2alpha1.ReflectionService/GetQueryServicesDescriptor",
    "/cosmos.base.reflection.v2alpha1.ReflectionService/GetTxDescriptor",
    "/cosmos.reflection.v1.ReflectionService/FileDescriptors",
];

/// Interfaces in order.
fn interfaces() -> impl Iterator<Item = &'static str> {
    INTERFACES.lines().filter(|it| !it.starts_with(' '))
}

/// Type URLs by interface, in order.
fn implementations() -> &'static BTreeMap<&'static str, Vec<String>> {
    static TABLE: OnceLock<BTreeMap<&'static str, Vec<String>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut last = "";
        for line in INTERFACES.lines() {
            match line.strip_prefix("  ") {
                Some(name) => table.entry(last).or_default().push(name.to_owned()),
                None => last = line,
            }
        }
        // Every message has an answer.
        let messages = table.get(MSG).cloned().unwrap_or_default();
        let replies =
            registry().services().iter().filter(|it| it.is_msg).flat_map(|it| &it.methods);
        let replies = replies.filter_map(|it| {
            let input = format!("/{}", registry().message(it.input).full_name);
            let output = || format!("/{}", registry().message(it.output).full_name);
            messages.contains(&input).then(output)
        });
        table.insert(MSG_RESPONSE, replies.collect());
        table
    })
}

fn implementations_of(interface: &str) -> Vec<String> {
    implementations().get(interface).cloned().unwrap_or_default()
}

fn app_options() -> Answer {
    static ENCODED: OnceLock<Result<Vec<u8>, String>> = OnceLock::new();
    let encoded = ENCODED.get_or_init(|| {
        let options = serde_json::from_str(AUTOCLI).map_err(|it| it.to_string())?;
        json::bytes_of("cosmos.autocli.v1.AppOptionsResponse", &options, Unknown::Refuse)
            .map_err(|it| it.to_string())
    });
    encoded.clone().map_err(unknown)
}

impl Services {
    /// Answers one of [`PATHS`].
    pub(super) fn described(&self, path: &str, data: &[u8]) -> Answer {
        let (_, method) = path.rsplit_once('/').unwrap_or_default();
        Ok(match method {
            "AppOptions" => return app_options(),
            // A file descriptor set has the shape of this answer.
            "FileDescriptors" => types::DESCRIPTORS.to_vec(),
            "ListAllInterfaces" => {
                let interface_names = interfaces().map(str::to_owned).collect();
                ListAllInterfacesResponse { interface_names }.encode_to_vec()
            }
            "ListImplementations" => {
                let name = read::<ListImplementationsRequest>(data)?.interface_name;
                if name.is_empty() {
                    return Err(QueryError::new(INVALID_ARGUMENT, "invalid interface name"));
                }
                let implementation_message_names = implementations_of(&name);
                ListImplementationsResponse { implementation_message_names }.encode_to_vec()
            }
            "GetAuthnDescriptor" => {
                let modes = [
                    ("SIGN_MODE_DIRECT", 1),
                    ("SIGN_MODE_DIRECT_AUX", 3),
                    ("SIGN_MODE_LEGACY_AMINO_JSON", 127),
                ];
                let sign_modes = modes
                    .map(|(name, number)| SigningModeDescriptor {
                        name: name.to_owned(),
                        number,
                        ..SigningModeDescriptor::default()
                    })
                    .into();
                let authn = Some(AuthnDescriptor { sign_modes });
                GetAuthnDescriptorResponse { authn }.encode_to_vec()
            }
            "GetChainDescriptor" => {
                let chain = Some(ChainDescriptor { id: self.chain.info().chain_id });
                GetChainDescriptorResponse { chain }.encode_to_vec()
            }
            "GetCodecDescriptor" => {
                GetCodecDescriptorResponse { codec: Some(codec()) }.encode_to_vec()
            }
            "GetConfigurationDescriptor" => {
                let bech32_account_address_prefix = "akash".to_owned();
                let config = Some(ConfigurationDescriptor { bech32_account_address_prefix });
                GetConfigurationDescriptorResponse { config }.encode_to_vec()
            }
            "GetQueryServicesDescriptor" => {
                let queries = Some(self.query_services());
                GetQueryServicesDescriptorResponse { queries }.encode_to_vec()
            }
            _ => {
                let msgs = implementations_of(MSG).into_iter();
                let msgs = msgs.map(|msg_type_url| MsgDescriptor { msg_type_url }).collect();
                let tx = Some(TxDescriptor { fullname: "cosmos.tx.v1beta1.Tx".to_owned(), msgs });
                GetTxDescriptorResponse { tx }.encode_to_vec()
            }
        })
    }

    fn query_services(&self) -> QueryServicesDescriptor {
        let services = registry().services().iter().filter(|it| !it.is_msg);
        let query_services = services.filter_map(|service| {
            let served = service.methods.iter().filter(|it| self.serves(&it.path));
            let methods: Vec<_> = served
                .map(|it| QueryMethodDescriptor {
                    name: it.name.clone(),
                    full_query_path: it.path.clone(),
                })
                .collect();
            let fullname = service.full_name.clone();
            let served = !methods.is_empty();
            served.then_some(QueryServiceDescriptor { fullname, is_module: false, methods })
        });
        QueryServicesDescriptor { query_services: query_services.collect() }
    }
}

fn codec() -> CodecDescriptor {
    let interfaces = interfaces().map(|fullname| InterfaceDescriptor {
        fullname: fullname.to_owned(),
        interface_accepting_messages: Vec::new(),
        interface_implementers: implementations_of(fullname)
            .into_iter()
            .map(|type_url| InterfaceImplementerDescriptor {
                fullname: type_url.trim_start_matches('/').to_owned(),
                type_url,
            })
            .collect(),
    });
    CodecDescriptor { interfaces: interfaces.collect() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn every_name_that_is_told_of_has_a_descriptor() {
        let known = |url: &String| registry().resolve(url).is_some();
        let unknown: Vec<_> =
            implementations().values().flatten().filter(|it| !known(it)).collect();
        // Of an older version of the reference, which it still knows by name and takes no more.
        let gone = ["DepositDeploymentAuthorization", "MsgDepositDeployment"];
        assert_eq!(unknown, gone.map(|it| format!("/akash.deployment.v1beta3.{it}")).each_ref());
        assert!(implementations_of(MSG_RESPONSE).len() > 50);
        assert!(app_options().unwrap().len() > 20_000);
    }
}
