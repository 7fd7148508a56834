//! Every rule that a file can break, with its stable code.
//!
//! Codes are public: scripts and documentation refer to them. Append, never rename.

mod pages;

pub use pages::{BASE, Example, Page, reference};

/// How grave a broken rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file compiles, but probably does not do what its author means.
    Warning,
    /// The file does not compile.
    Error,
}

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $name:ident $code:literal $severity:ident;)+) => {
        /// A rule of the language. The documentation of each is what is wrong when it is broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $($(#[doc = $doc])+ $name,)+ }

        impl Rule {
            /// All rules, in order of declaration.
            pub const ALL: &[Rule] = &[$(Rule::$name,)+];

            /// The stable code.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Rule::$name => $code,)+ }
            }

            /// Whether breaking it stops the compiler.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Rule::$name => Severity::$severity,)+ }
            }

            /// The rule of a code, if there is one.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Rule> {
                Self::ALL.iter().copied().find(|it| it.code() == code)
            }

            /// The rules that a code or a family (`sdl::schema`, `sdl::schema::*`, `sdl::*`) names; the prefix
            /// `sdl::` may be left out.
            #[must_use]
            pub fn matching(pattern: &str) -> Vec<Rule> {
                let family = pattern.strip_suffix("::*").unwrap_or(pattern);
                let is_in = |it: &&Rule| {
                    let code = it.code();
                    let names = |code: &str| {
                        let rest = code.strip_prefix(family);
                        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
                    };
                    names(code) || code.strip_prefix("sdl::").is_some_and(names)
                };
                Self::ALL.iter().filter(is_in).copied().collect()
            }

            /// What is wrong when it is broken, in general.
            #[must_use]
            pub fn summary(self) -> &'static str {
                match self { $(Rule::$name => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

rules! {
    // Text and YAML: spec 3.
    /// The file is larger than a compiler accepts.
    TooLarge "sdl::file::too-large" Error;
    /// The bytes of the file are not text.
    Encoding "sdl::file::encoding" Error;
    /// The text is not YAML.
    YamlSyntax "sdl::yaml::syntax" Error;
    /// The document is nested deeper than a compiler accepts.
    TooDeep "sdl::yaml::too-deep" Error;
    /// Aliases multiply the document beyond what a compiler accepts.
    AliasExpansion "sdl::yaml::alias-expansion" Error;
    /// An alias names an anchor that is not defined before it, or contains itself.
    UnknownAnchor "sdl::yaml::unknown-anchor" Error;
    /// A key stands twice in one mapping.
    DuplicateKey "sdl::yaml::duplicate-key" Error;
    /// A merge key (`<<`) stands where none is allowed or merges something else than mappings.
    MergeKey "sdl::yaml::merge-key" Error;
    /// The file holds nothing.
    Empty "sdl::file::empty" Error;
    /// A value has another shape or type than the key wants.
    Type "sdl::decode::type" Error;

    // Top level: spec 4.
    /// The file does not say its version.
    NoVersion "sdl::version::missing" Error;
    /// The version is not one that a compiler knows.
    BadVersion "sdl::version::unsupported" Error;
    /// A key is not part of the language where it stands.
    UnknownKey "sdl::key::unknown" Error;
    /// A key is ignored because the language does not know it.
    IgnoredKey "sdl::key::ignored" Warning;

    // Quantities and resources: spec 6, 11.
    /// A number or a size cannot be read.
    Quantity "sdl::quantity::syntax" Error;
    /// A CPU attribute other than `arch`.
    CpuAttribute "sdl::cpu::attribute" Error;
    /// The GPU's description is incomplete or wrong.
    Gpu "sdl::gpu::invalid" Error;
    /// A volume's attributes contradict each other or are unknown.
    StorageAttribute "sdl::storage::attribute" Error;
    /// Two volumes of one profile have the same name.
    DuplicateVolume "sdl::storage::duplicate" Error;
    /// A profile lacks a resource that every service needs.
    MissingResource "sdl::profile::missing-resource" Error;
    /// More volumes than the order of the reference is known for.
    TooManyVolumes "sdl::storage::too-many" Error;
    /// A resource is outside what the network allows.
    Limit "sdl::limit::unit" Error;
    /// A group asks for more in total than the network allows, or for nothing.
    GroupLimit "sdl::limit::group" Error;
    /// A resource attribute's key is malformed or repeated.
    AttributeKey "sdl::attribute::key" Error;

    // Pricing: spec 7, 11.5.
    /// A price cannot be read, is zero, or is negative.
    Price "sdl::pricing::amount" Error;
    /// A denomination is malformed.
    Denom "sdl::pricing::denom" Error;
    /// Prices of one deployment are in different denominations.
    MixedDenoms "sdl::pricing::mixed-denoms" Error;
    /// A price is above what the network allows.
    PriceLimit "sdl::pricing::limit" Error;

    // Exposes: spec 5.1, 5.2.
    /// A protocol other than TCP or UDP.
    Protocol "sdl::expose::protocol" Error;
    /// A port outside 1 to 65535.
    Port "sdl::expose::port" Error;
    /// An HTTP option is unknown or too large.
    HttpOption "sdl::expose::http-option" Error;
    /// A host name is malformed.
    Hostname "sdl::expose::hostname" Error;
    /// A host name stands twice in the manifest.
    DuplicateHostname "sdl::expose::duplicate-hostname" Error;
    /// Nothing is open to the world.
    NoGlobal "sdl::expose::no-global" Error;

    // Endpoints: spec 9.
    /// An endpoint's name or kind is malformed.
    Endpoint "sdl::endpoint::invalid" Error;
    /// An endpoint is declared and never used.
    UnusedEndpoint "sdl::endpoint::unused" Error;
    /// An expose names an endpoint that is not declared, or is not global.
    EndpointUse "sdl::endpoint::use" Error;
    /// Two exposes claim the same port of one endpoint.
    EndpointClash "sdl::endpoint::clash" Error;

    // Services and deployment: spec 5, 8, 14.
    /// A service that is deployed is not defined.
    UnknownService "sdl::deployment::unknown-service" Error;
    /// A compute profile that is named is not defined.
    UnknownProfile "sdl::deployment::unknown-profile" Error;
    /// A placement that is named is not defined.
    UnknownPlacement "sdl::deployment::unknown-placement" Error;
    /// A placement has no price for a profile that is deployed there.
    NoPricing "sdl::deployment::no-pricing" Error;
    /// Nothing is deployed.
    NothingDeployed "sdl::deployment::empty" Error;
    /// A placement has no name.
    GroupName "sdl::deployment::group-name" Error;
    /// A service's name is malformed.
    ServiceName "sdl::service::name" Error;
    /// A service has no image.
    Image "sdl::service::image" Error;
    /// An environment variable's name is malformed.
    EnvName "sdl::service::env" Error;
    /// Registry credentials are incomplete.
    Credentials "sdl::service::credentials" Error;
    /// Confidential computing is misdeclared.
    Tee "sdl::service::tee" Error;
    /// A mount names no volume, is not absolute, or is taken.
    Mount "sdl::service::mount" Error;
    /// A persistent volume is not mounted.
    PersistentUnmounted "sdl::service::persistent-unmounted" Error;

    // Reclamation: spec 10.
    /// The reclamation window is no positive duration.
    Reclamation "sdl::reclamation::window" Error;

    // Allowed by the reference, and hardly meant.
    /// A service is defined and not deployed.
    UndeployedService "sdl::deployment::undeployed-service" Warning;
    /// A port is open to a service that is not deployed.
    UnknownTarget "sdl::expose::unknown-target" Warning;

    // Images, sizes and money.
    /// The image has the tag `latest` or none, so what runs can change from one start to the next.
    ImageTag "sdl::image::latest" Warning;
    /// The image's name cannot be pulled from any registry.
    ImageName "sdl::image::name" Warning;
    /// A size of memory has a decimal suffix where a power of two was probably meant.
    DecimalMemory "sdl::quantity::decimal-memory" Warning;
    /// The most that a deployment may cost is far from the monthly budget.
    OverBudget "sdl::pricing::budget" Warning;
    /// A price is many times what such resources cost anywhere.
    Overpriced "sdl::pricing::far-too-high" Warning;
    /// A price is in a denomination in which the reference network opens no deployments.
    UnusualDenom "sdl::pricing::unusual-denom" Warning;
    /// A price is for a profile that does not exist.
    UnusedPrice "sdl::pricing::unused" Warning;

    // Who reaches whom.
    /// A port is open to nobody.
    ReachesNobody "sdl::expose::reaches-nobody" Warning;
    /// A port is open to a service that runs elsewhere.
    OtherPlacement "sdl::expose::other-placement" Warning;
    /// A service opens two of its ports under the same outside port.
    SameOutsidePort "sdl::expose::same-outside-port" Warning;
    /// Outside port 443 is no HTTPS.
    HttpsPort "sdl::expose::https-port" Warning;
    /// Host names or HTTP options stand at a port that is not served as HTTP.
    NotHttp "sdl::expose::not-http" Warning;
    /// A database is open to the whole world.
    OpenDatabase "sdl::expose::open-database" Warning;

    // What is defined in vain.
    /// A compute profile is defined and not used.
    UnusedProfile "sdl::profile::unused" Warning;
    /// A placement is defined and not used.
    UnusedPlacement "sdl::placement::unused" Warning;
    /// A service is deployed with no replica.
    ZeroCount "sdl::deployment::zero-count" Warning;

    // Secrets.
    /// A secret stands in plain text in `env`.
    SecretEnv "sdl::secret::env" Warning;
    /// A text has the form of a key, a token or a recovery phrase.
    SecretValue "sdl::secret::value" Warning;
    /// A password is one that everybody tries first.
    DefaultPassword "sdl::secret::default-password" Warning;
    /// The password of a registry stands in the file.
    RegistryPassword "sdl::secret::registry-password" Warning;

    // GPUs.
    /// Any GPU is accepted, so the price has to allow for the dearest.
    GpuWildcard "sdl::gpu::wildcard" Warning;
    /// A GPU is asked for by model only, and the model is made with different memory.
    GpuRam "sdl::gpu::ram" Warning;
    /// A GPU's model is not spelt as providers spell it.
    GpuModel "sdl::gpu::model" Warning;

    // Volumes.
    /// A volume that can be written by nobody and begins empty.
    PointlessReadOnly "sdl::storage::read-only-scratch" Warning;
    /// A volume is paid for and mounted nowhere.
    UnmountedVolume "sdl::storage::unmounted" Warning;
    /// A database keeps its data where it is lost with the container.
    EphemeralDatabase "sdl::storage::ephemeral-database" Warning;

    // Processes and placements.
    /// An environment variable is set twice.
    DuplicateEnv "sdl::service::duplicate-env" Warning;
    /// An environment variable's value begins and ends with quotes that become part of it.
    QuotedEnv "sdl::service::quoted-env" Warning;
    /// A whole command line stands where the name of a program is wanted.
    CommandLine "sdl::service::command-line" Warning;
    /// An auditor is not an address of the network.
    Auditor "sdl::placement::auditor" Warning;

    // What Console and the JavaScript SDK refuse: spec 21.
    /// Console and the JavaScript SDK want `version` in quotes, `"2.0"` or `"2.1"`.
    SchemaVersion "sdl::schema::version" Warning;
    /// Console and the JavaScript SDK want a key that is missing here.
    SchemaRequired "sdl::schema::required" Warning;
    /// Console and the JavaScript SDK want a value of another type.
    SchemaType "sdl::schema::type" Warning;
    /// Console and the JavaScript SDK want a value of another form.
    SchemaValue "sdl::schema::value" Warning;
    /// Console and the JavaScript SDK want other storage attributes.
    SchemaStorage "sdl::schema::storage" Warning;
    /// Console and the JavaScript SDK want the GPU described in another way.
    SchemaGpu "sdl::schema::gpu" Warning;
    /// Console and the JavaScript SDK refuse what stands in this `to` entry.
    SchemaTo "sdl::schema::to" Warning;

    // Comments to the compiler.
    /// A comment to the compiler cannot be read.
    Directive "sdl::lint::directive" Warning;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_summaries_are_sentences() {
        let codes: BTreeSet<_> = Rule::ALL.iter().map(|it| it.code()).collect();
        assert_eq!(codes.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            assert!(rule.code().starts_with("sdl::"), "{rule:?}");
            assert!(rule.summary().ends_with('.'), "{rule:?}: {}", rule.summary());
        }
    }
}
