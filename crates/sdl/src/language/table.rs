//! The rows, in the order of spec `sdl.md` 4 to 10; where Go and the schema differ in what they take, the
//! row says what one should write, and the note what else goes.

use super::Kind::{
    Amount, BinarySize, Cores, Count, Denom, Duration, Flag, List, Mapping, Named, OneOrMany,
    Scalar, Size, Text, Texts, Version,
};
use super::{Key, Kind, Value};

const fn value(text: &'static str, doc: &'static str) -> Value {
    Value { text, doc }
}

/// A number of milliseconds, bytes or tries that may be 0, which means the default.
const fn up_to(max: u32) -> Kind {
    Kind::Number { min: 0, max }
}

/// An external port or a port of a container.
const PORT: Kind = Kind::Number { min: 1, max: 65535 };

const PROTOCOLS: &[Value] = &[
    value("TCP", "A stream; with the outside port 80 it is served as HTTP."),
    value("UDP", "Datagrams; never HTTP."),
];

const NEXT_CASES: &[Value] = &[
    value("error", "The connection to the container failed."),
    value("timeout", "The container did not answer in time."),
    value("500", "The container answered 500."),
    value("502", "The container answered 502."),
    value("503", "The container answered 503."),
    value("504", "The container answered 504."),
    value("403", "The container answered 403."),
    value("404", "The container answered 404."),
    value("429", "The container answered 429."),
    value("off", "Never try another replica; stands alone."),
];

const CLASSES: &[Value] = &[
    value("default", "Whatever the provider calls its default."),
    value("beta1", "Persistent, on spinning disks."),
    value("beta2", "Persistent, on solid-state disks."),
    value("beta3", "Persistent, on NVMe disks."),
    value("ram", "In memory, gone with the container; never persistent."),
];

pub(super) const KEYS: &[Key] = &[
    Key::new("version", Version, "The version of the language that the file is written in.")
        .required()
        .note(
            "In 2.1 services that share a compute profile in one placement become one resource \
             unit, and the e-mail address of registry credentials is kept.",
        )
        .values(&[
            value("2.0", "Each service gets a resource unit of its own."),
            value("2.1", "Services of one compute profile share a unit; credentials keep `email`."),
        ]),
    Key::new("include", Texts, "Names of other files; read for its type, without effect.")
        .ignored(),
    // 5
    Key::new("services", Named, "What runs: one container image per service.").required(),
    Key::new("services.*", Mapping, "One service; other services reach it by this name.").note(
        "A deployed service is named with lower-case letters, digits and `-`, beginning with a \
         letter and not ending with `-`.",
    ),
    Key::new("services.*.image", Text, "The container image, best with a tag that never moves.")
        .required()
        .examples(&["nginx:1.27.3", "ghcr.io/owner/app:v1.4.2"]),
    Key::new("services.*.command", Texts, "Replaces the entry point of the image.")
        .nullable()
        .examples(&[r#"["sh", "-c"]"#]),
    Key::new("services.*.args", Texts, "Replaces the arguments of the image.")
        .nullable()
        .examples(&[r#"["--listen", "0.0.0.0:8080"]"#]),
    Key::new("services.*.env", Texts, "Environment variables, each `NAME=value`.")
        .nullable()
        .note(
            "The provider can read them; they are no place for secrets worth more than the lease.",
        )
        .examples(&[r#"["LOG_LEVEL=info", "PORT=8080"]"#]),
    Key::new("services.*.expose", List, "The ports that the service listens on, and for whom.")
        .nullable()
        .note("At least one service of a file must be exposed with `to: [{global: true}]`."),
    Key::new("services.*.expose[]", Mapping, "One port of the container."),
    Key::new("services.*.expose[].port", PORT, "The port that the container listens on.")
        .required()
        .examples(&["8080"]),
    Key::new("services.*.expose[].as", PORT, "The port that it is reached at, if another.")
        .note(
            "TCP at port 80 is served as HTTP under a host name; any other port is given at random \
             by the provider, unless an IP endpoint is leased.",
        )
        .examples(&["80"]),
    Key::new("services.*.expose[].proto", Text, "The protocol of the port.")
        .default("TCP")
        .values(PROTOCOLS)
        .note("Lower case is fine; `http` and `https` are not protocols here."),
    Key::new("services.*.expose[].to", List, "Who may reach the port.")
        .note("Without it the port is open to the services of the same group only."),
    Key::new("services.*.expose[].to[]", Mapping, "One who may reach the port."),
    Key::new("services.*.expose[].to[].service", Text, "A service of this file.")
        .examples(&["web"]),
    Key::new("services.*.expose[].to[].global", Flag, "Whether the whole internet may.")
        .default("false")
        .examples(&["true"]),
    Key::new("services.*.expose[].to[].ip", Text, "The leased IP endpoint to be reached at.")
        .note("Needs `global: true` beside it and the name under `endpoints`.")
        .examples(&["front"]),
    Key::new(
        "services.*.expose[].to[].http_options",
        Mapping,
        "Read for its types, without effect; write it beside `to`.",
    )
    .ignored(),
    Key::new(
        "services.*.expose[].to[].http_options.max_body_size",
        up_to(104_857_600),
        "Without effect here.",
    )
    .ignored(),
    Key::new(
        "services.*.expose[].to[].http_options.read_timeout",
        up_to(60_000),
        "Without effect here.",
    )
    .ignored(),
    Key::new(
        "services.*.expose[].to[].http_options.send_timeout",
        up_to(60_000),
        "Without effect here.",
    )
    .ignored(),
    Key::new(
        "services.*.expose[].to[].http_options.next_tries",
        up_to(u32::MAX),
        "Without effect here.",
    )
    .ignored(),
    Key::new(
        "services.*.expose[].to[].http_options.next_timeout",
        up_to(u32::MAX),
        "Without effect here.",
    )
    .ignored(),
    Key::new("services.*.expose[].to[].http_options.next_cases", Texts, "Without effect here.")
        .ignored()
        .values(NEXT_CASES),
    Key::new(
        "services.*.expose[].to[].http_options.proxy_buffer_size",
        up_to(1_048_576),
        "Without effect here.",
    )
    .ignored(),
    Key::new("services.*.expose[].accept", Texts, "Host names that lead to this port.")
        .note(
            "Each in lower case and once in the whole file, without `http://`; only for ports \
             served as HTTP.",
        )
        .examples(&[r#"["www.example.com"]"#]),
    Key::new(
        "services.*.expose[].http_options",
        Mapping,
        "How the provider's proxy treats requests.",
    ),
    Key::new(
        "services.*.expose[].http_options.max_body_size",
        up_to(104_857_600),
        "Largest request body, bytes.",
    )
    .default("1048576")
    .examples(&["10485760"]),
    Key::new(
        "services.*.expose[].http_options.read_timeout",
        up_to(60_000),
        "How long the proxy waits for the container to answer, milliseconds.",
    )
    .default("60000"),
    Key::new(
        "services.*.expose[].http_options.send_timeout",
        up_to(60_000),
        "How long the proxy waits for the container to take the request, milliseconds.",
    )
    .default("60000"),
    Key::new(
        "services.*.expose[].http_options.next_tries",
        up_to(u32::MAX),
        "How many replicas are tried.",
    )
    .default("3"),
    Key::new(
        "services.*.expose[].http_options.next_timeout",
        up_to(u32::MAX),
        "How long replicas are tried in all, milliseconds; 0 is without bound.",
    )
    .default("0"),
    Key::new(
        "services.*.expose[].http_options.next_cases",
        Texts,
        "What counts as a failure after which another replica is tried.",
    )
    .default(r#"["error", "timeout"]"#)
    .values(NEXT_CASES)
    .examples(&[r#"["error", "timeout", "503"]"#, r#"["off"]"#]),
    Key::new(
        "services.*.expose[].http_options.proxy_buffer_size",
        up_to(1_048_576),
        "The buffer for the head of the container's answer, bytes.",
    )
    .examples(&["16384"]),
    Key::new("services.*.dependencies", List, "Read for its types, without effect.")
        .ignored()
        .note("Services start together; let each wait for what it needs."),
    Key::new("services.*.dependencies[]", Mapping, "Without effect.").ignored(),
    Key::new("services.*.dependencies[].service", Text, "A service of this file.").ignored(),
    Key::new("services.*.params", Mapping, "Where volumes are mounted, permissions, enclaves."),
    Key::new("services.*.params.storage", Named, "Mounts of the volumes of the compute profile."),
    Key::new(
        "services.*.params.storage.*",
        Mapping,
        "The mount of the volume of this name; a volume without a name is `default`.",
    ),
    Key::new("services.*.params.storage.*.mount", Text, "The absolute path in the container.")
        .examples(&["/var/lib/data"]),
    Key::new("services.*.params.storage.*.readOnly", Flag, "Whether the container may only read.")
        .default("false")
        .note("In 2.1 not for volumes of the class `ram`."),
    Key::new(
        "services.*.params.permissions",
        Mapping,
        "What the containers may ask the provider about their own lease.",
    ),
    Key::new("services.*.params.permissions.read", Texts, "What they may read.").values(&[
        value("deployment", "The state of the deployment."),
        value("logs", "The logs of its containers."),
        value("events", "Its events."),
    ]),
    Key::new("services.*.params.tee", Text, "Runs the service in a trusted execution environment.")
        .values(&[
            value("cpu", "Memory is encrypted by the processor."),
            value("cpu-gpu", "The GPU's memory as well; needs a GPU in the profile."),
        ])
        .note("All services of a placement that ask for one ask for the same."),
    Key::new(
        "services.*.credentials",
        Mapping,
        "How to log in to the registry of a private image.",
    ),
    Key::new("services.*.credentials.host", Text, "The registry.")
        .required()
        .examples(&["https://index.docker.io/v1/", "ghcr.io"]),
    Key::new("services.*.credentials.email", Text, "The e-mail address of the account.")
        .note("Kept in version 2.1 only."),
    Key::new("services.*.credentials.username", Text, "The name of the account.").required(),
    Key::new(
        "services.*.credentials.password",
        Text,
        "Its password, best a token that only reads.",
    )
    .required(),
    // 6, 7
    Key::new("profiles", Mapping, "What services need, and where they may run at what price.")
        .required(),
    Key::new("profiles.compute", Named, "What services need: processor, memory, storage, GPU.")
        .required(),
    Key::new(
        "profiles.compute.*",
        Mapping,
        "One compute profile, named by `deployment` and `pricing`.",
    ),
    Key::new("profiles.compute.*.resources", Mapping, "What one replica needs.").required(),
    Key::new("profiles.compute.*.resources.cpu", Mapping, "Processor.").required(),
    Key::new("profiles.compute.*.resources.cpu.units", Cores, "Cores of one replica, 0.01 to 384.")
        .required()
        .note("`500m` is half a core.")
        .examples(&["0.5", "2", "100m"]),
    Key::new("profiles.compute.*.resources.cpu.attributes", Mapping, "What kind of processor."),
    Key::new(
        "profiles.compute.*.resources.cpu.attributes.arch",
        Scalar,
        "The architecture, as providers name it.",
    )
    .examples(&["amd64", "arm64"]),
    Key::new("profiles.compute.*.resources.memory", Mapping, "Memory.").required(),
    Key::new(
        "profiles.compute.*.resources.memory.size",
        Size,
        "Memory of one replica, 1Mi to 2Ti.",
    )
    .required()
    .note("`Mi` and `Gi` are powers of 1024, `M` and `G` of 1000; `MB` and `GB` are not read.")
    .examples(&["512Mi", "2Gi"]),
    Key::new("profiles.compute.*.resources.gpu", Mapping, "Graphics processors."),
    Key::new("profiles.compute.*.resources.gpu.units", Count, "GPUs of one replica, at most 24.")
        .default("0")
        .examples(&["1"]),
    Key::new("profiles.compute.*.resources.gpu.attributes", Mapping, "What kind of GPU.")
        .note("Needed when `units` is above 0, and only then."),
    Key::new("profiles.compute.*.resources.gpu.attributes.vendor", Mapping, "Who makes it.")
        .required(),
    Key::new(
        "profiles.compute.*.resources.gpu.attributes.vendor.nvidia",
        List,
        "The models that will do; without any, every model of NVIDIA.",
    )
    .nullable()
    .note("A provider may serve any of them, so the price must suit the dearest."),
    Key::new(
        "profiles.compute.*.resources.gpu.attributes.vendor.nvidia[]",
        Mapping,
        "One model that will do.",
    ),
    Key::new(
        "profiles.compute.*.resources.gpu.attributes.vendor.nvidia[].model",
        Text,
        "The model as providers name it, lower case without spaces; `*` is any.",
    )
    .examples(&["a100", "h100", "rtx4090"]),
    Key::new(
        "profiles.compute.*.resources.gpu.attributes.vendor.nvidia[].ram",
        BinarySize,
        "The memory of the card, whole gibibytes.",
    )
    .examples(&["80Gi"]),
    Key::new(
        "profiles.compute.*.resources.gpu.attributes.vendor.nvidia[].interface",
        Text,
        "How the card is connected.",
    )
    .values(&[
        value("pcie", "A card in a slot."),
        value("sxm", "A module on the board, with faster links between cards."),
    ]),
    Key::new(
        "profiles.compute.*.resources.storage",
        OneOrMany,
        "Volumes of one replica: one, or a list of up to 20, each with a name of its own.",
    )
    .required(),
    Key::new("profiles.compute.*.resources.storage[]", Mapping, "One volume."),
    Key::new(
        "profiles.compute.*.resources.storage[].name",
        Text,
        "What `params.storage` calls it.",
    )
    .default("default")
    .examples(&["data"]),
    Key::new("profiles.compute.*.resources.storage[].size", Size, "Its size, 5Mi to 32Ti.")
        .required()
        .examples(&["10Gi"]),
    Key::new("profiles.compute.*.resources.storage[].attributes", Mapping, "Its kind.")
        .note("Without them the volume is gone when the container ends."),
    Key::new(
        "profiles.compute.*.resources.storage[].attributes.persistent",
        Flag,
        "Whether it outlives the container.",
    )
    .required()
    .note("It never outlives the lease."),
    Key::new(
        "profiles.compute.*.resources.storage[].attributes.class",
        Text,
        "What it is made of.",
    )
    .required()
    .values(CLASSES),
    Key::new(
        "profiles.placement",
        Named,
        "Where groups of services may run, and the highest prices.",
    )
    .required(),
    Key::new(
        "profiles.placement.*",
        Mapping,
        "One placement; all services deployed to it run at one provider, as one group.",
    ),
    Key::new(
        "profiles.placement.*.attributes",
        Named,
        "What the provider must say of itself; all must match.",
    ),
    Key::new(
        "profiles.placement.*.attributes.*",
        Scalar,
        "The value that the attribute must have.",
    )
    .examples(&["us-west"]),
    Key::new("profiles.placement.*.signedBy", Mapping, "Who must have audited the provider."),
    Key::new("profiles.placement.*.signedBy.allOf", Texts, "Auditors' addresses, all needed."),
    Key::new("profiles.placement.*.signedBy.anyOf", Texts, "Auditors' addresses, one is enough."),
    Key::new(
        "profiles.placement.*.pricing",
        Named,
        "The highest price of each compute profile that is deployed here.",
    )
    .required(),
    Key::new("profiles.placement.*.pricing.*", Mapping, "The price of the profile of this name.")
        .note("For one replica and one block; providers bid at or below it."),
    Key::new("profiles.placement.*.pricing.*.denom", Denom, "What is paid in.")
        .required()
        .note("One denomination for the whole file.")
        .values(&[
            value("uakt", "Millionths of the network's own coin."),
            value("uact", "Millionths of the network's stable unit of account."),
        ]),
    Key::new("profiles.placement.*.pricing.*.amount", Amount, "The most per replica and block.")
        .required()
        .note("Above 0, at most 10000000.")
        .examples(&["100", "12.5"]),
    // 8
    Key::new("deployment", Named, "Which service runs where, with what and how often.").required(),
    Key::new("deployment.*", Named, "Where the service of this name runs."),
    Key::new("deployment.*.*", Mapping, "The service in the placement of this name."),
    Key::new("deployment.*.*.profile", Text, "The compute profile that it uses.")
        .required()
        .examples(&["web"]),
    Key::new(
        "deployment.*.*.count",
        Kind::Number { min: 1, max: u32::MAX },
        "How many replicas run.",
    )
    .required()
    .examples(&["1"]),
    // 9
    Key::new("endpoints", Named, "IP addresses to lease; each must be used by a deployed service."),
    Key::new("endpoints.*", Mapping, "One endpoint, named by `to[].ip`.")
        .note("At least two of lower-case letters, digits, `-` and `_`, beginning with a letter."),
    Key::new("endpoints.*.kind", Text, "What is leased.")
        .required()
        .values(&[value("ip", "A public IP address.")]),
    // 10
    Key::new("reclamation", Mapping, "What holds when the provider wants its resources back."),
    Key::new(
        "reclamation.min_window",
        Duration,
        "How long before it takes them the provider must say so.",
    )
    .required()
    .note("Above 0, in hours, minutes and seconds; there are no days.")
    .examples(&["24h", "90m"]),
];
