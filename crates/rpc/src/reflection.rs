//! gRPC server reflection, version v1alpha, from the embedded descriptors.
//!
//! The messages are written out here: they are few, and no package of ours defines them.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message;
use tonic::Status;
use types::registry::registry;

use crate::services::Services;

/// The one method.
pub(crate) const PATH: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

#[derive(Clone, PartialEq, Message)]
struct Question {
    #[prost(string, tag = "1")]
    host: String,
    #[prost(oneof = "Asked", tags = "3, 4, 5, 6, 7")]
    asked: Option<Asked>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Asked {
    #[prost(string, tag = "3")]
    FileByFilename(String),
    #[prost(string, tag = "4")]
    FileContainingSymbol(String),
    #[prost(message, tag = "5")]
    FileContainingExtension(ExtensionRequest),
    #[prost(string, tag = "6")]
    AllExtensionNumbersOfType(String),
    #[prost(string, tag = "7")]
    ListServices(String),
}

#[derive(Clone, PartialEq, Message)]
struct ExtensionRequest {
    #[prost(string, tag = "1")]
    containing_type: String,
    #[prost(int32, tag = "2")]
    extension_number: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Reply {
    #[prost(string, tag = "1")]
    valid_host: String,
    #[prost(message, optional, tag = "2")]
    original_request: Option<Question>,
    #[prost(oneof = "Answered", tags = "4, 5, 6, 7")]
    answered: Option<Answered>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Answered {
    #[prost(message, tag = "4")]
    FileDescriptor(FileDescriptors),
    #[prost(message, tag = "5")]
    AllExtensionNumbers(ExtensionNumbers),
    #[prost(message, tag = "6")]
    ListServices(ServiceList),
    #[prost(message, tag = "7")]
    Error(ErrorReply),
}

#[derive(Clone, PartialEq, Message)]
struct FileDescriptors {
    #[prost(bytes = "vec", repeated, tag = "1")]
    file_descriptor_proto: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct ExtensionNumbers {
    #[prost(string, tag = "1")]
    base_type_name: String,
    #[prost(int32, repeated, tag = "2")]
    extension_number: Vec<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct ServiceList {
    #[prost(message, repeated, tag = "1")]
    service: Vec<ServiceName>,
}

#[derive(Clone, PartialEq, Message)]
struct ServiceName {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct ErrorReply {
    #[prost(int32, tag = "1")]
    error_code: i32,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// What is told of the services that one node serves.
pub(crate) struct Reflection {
    services: Vec<String>,
}

impl Reflection {
    pub(crate) fn new(services: &Services) -> Self {
        let served: BTreeSet<_> = registry()
            .services()
            .iter()
            .filter(|it| it.methods.iter().any(|it| services.serves(&it.path)))
            .map(|it| it.full_name.clone())
            .chain(["grpc.reflection.v1alpha.ServerReflection".to_owned()])
            .collect();
        Self { services: served.into_iter().collect() }
    }

    /// The names of the services, in order.
    pub(crate) fn names(&self) -> &[String] {
        &self.services
    }

    /// Answers one question of the stream.
    pub(crate) fn answer(&self, question: &Bytes) -> Result<Bytes, Status> {
        let question = Question::decode(question.as_ref())
            .map_err(|it| Status::internal(format!("grpc: error unmarshalling request: {it}")))?;
        let answered = match &question.asked {
            Some(Asked::ListServices(_)) => Answered::ListServices(ServiceList {
                service: self.services.iter().map(|it| ServiceName { name: it.clone() }).collect(),
            }),
            Some(Asked::FileByFilename(name)) => {
                file(registry().pool().get_file_by_name(name), name)
            }
            Some(Asked::FileContainingSymbol(name)) => file(file_of_symbol(name), name),
            Some(Asked::FileContainingExtension(it)) => {
                let number = u32::try_from(it.extension_number).unwrap_or_default();
                let extension = extensions_of(&it.containing_type)
                    .find(|extension| extension.number() == number);
                let found = extension.map(|it| it.parent_file());
                file(found, &format!("extension {number} of {}", it.containing_type))
            }
            Some(Asked::AllExtensionNumbersOfType(name)) => {
                if registry().pool().get_message_by_name(name).is_none() {
                    not_found(name)
                } else {
                    let numbers =
                        extensions_of(name).filter_map(|it| i32::try_from(it.number()).ok());
                    Answered::AllExtensionNumbers(ExtensionNumbers {
                        base_type_name: name.clone(),
                        extension_number: numbers.collect(),
                    })
                }
            }
            None => Answered::Error(ErrorReply {
                error_code: 3,
                error_message: "the request asks nothing".to_owned(),
            }),
        };
        let reply = Reply {
            valid_host: question.host.clone(),
            original_request: Some(question),
            answered: Some(answered),
        };
        Ok(Bytes::from(reply.encode_to_vec()))
    }
}

fn extensions_of(
    message: &str,
) -> impl Iterator<Item = prost_reflect::ExtensionDescriptor> + use<> {
    let message = registry().pool().get_message_by_name(message);
    message.into_iter().flat_map(|it| it.extensions().collect::<Vec<_>>())
}

/// The file that declares a service, method, message, field, enum or extension.
fn file_of_symbol(name: &str) -> Option<prost_reflect::FileDescriptor> {
    let pool = registry().pool();
    let whole = |name: &str| {
        pool.get_service_by_name(name)
            .map(|it| it.parent_file())
            .or_else(|| pool.get_message_by_name(name).map(|it| it.parent_file()))
            .or_else(|| pool.get_enum_by_name(name).map(|it| it.parent_file()))
            .or_else(|| pool.get_extension_by_name(name).map(|it| it.parent_file()))
    };
    // A method or field is found by what it is part of.
    whole(name).or_else(|| {
        let (parent, member) = name.rsplit_once('.')?;
        let is_member = pool
            .get_service_by_name(parent)
            .is_some_and(|it| it.methods().any(|it| it.name() == member))
            || pool
                .get_message_by_name(parent)
                .is_some_and(|it| it.get_field_by_name(member).is_some());
        if is_member { whole(parent) } else { None }
    })
}

/// A file with everything it imports, each once, importers first.
fn file(found: Option<prost_reflect::FileDescriptor>, name: &str) -> Answered {
    let Some(found) = found else { return not_found(name) };
    let mut seen = BTreeSet::from([found.name().to_owned()]);
    let mut queue = vec![found];
    let mut files = Vec::new();
    while let Some(it) = queue.pop() {
        for import in it.dependencies() {
            if seen.insert(import.name().to_owned()) {
                queue.push(import);
            }
        }
        files.push(it.encode_to_vec());
    }
    Answered::FileDescriptor(FileDescriptors { file_descriptor_proto: files })
}

fn not_found(name: &str) -> Answered {
    Answered::Error(ErrorReply { error_code: 5, error_message: format!("not found: {name}") })
}
