//! The keys of a Compose service for which SDL has nothing, and what to do instead.

/// What is said about a key, and the advice; an empty text means that nobody will miss it.
pub(super) struct Lost {
    pub(super) key: &'static str,
    pub(super) text: &'static str,
    pub(super) advice: &'static str,
}

const fn lost(key: &'static str, text: &'static str, advice: &'static str) -> Lost {
    Lost { key, text, advice }
}

const NOT_PRIVILEGED: &str = "containers get no extra rights from a provider";
const DO_WITHOUT: &str = "Change the application so that it does without, or run it elsewhere.";
const NO_LIMITS: &str = "SDL limits CPU, memory and disk, and nothing else";
const OWN_NETWORK: &str = "a group has one network of its own, and the provider runs it";

/// Keys that are dropped with a word about it.
pub(super) static LOST: &[Lost] = &[
    lost("blkio_config", NO_LIMITS, ""),
    lost("cap_add", NOT_PRIVILEGED, DO_WITHOUT),
    lost("cap_drop", "the provider decides about rights", ""),
    lost("cgroup", NOT_PRIVILEGED, ""),
    lost("cgroup_parent", NOT_PRIVILEGED, ""),
    lost("cpu_count", NO_LIMITS, "Use `cpus`."),
    lost("cpu_percent", NO_LIMITS, "Use `cpus`."),
    lost("cpu_period", NO_LIMITS, "Use `cpus`."),
    lost("cpu_quota", NO_LIMITS, "Use `cpus`."),
    lost("cpu_rt_period", NO_LIMITS, ""),
    lost("cpu_rt_runtime", NO_LIMITS, ""),
    lost("cpu_shares", NO_LIMITS, "Use `cpus`."),
    lost("cpuset", "which cores it runs on is up to the provider", ""),
    lost("credential_spec", "Windows containers are not offered", ""),
    lost("device_cgroup_rules", NOT_PRIVILEGED, DO_WITHOUT),
    lost("dns", OWN_NETWORK, "Set the resolver in the application."),
    lost("dns_opt", OWN_NETWORK, ""),
    lost("dns_search", OWN_NETWORK, "Use full names."),
    lost("domainname", OWN_NETWORK, ""),
    lost("driver_opts", OWN_NETWORK, ""),
    lost(
        "external_links",
        "containers outside of the deployment are not there",
        "Open their port to the world and use its address, or deploy them together.",
    ),
    lost(
        "extra_hosts",
        "there is no `/etc/hosts` to add to",
        "Use DNS, or give addresses to the application as variables.",
    ),
    lost("group_add", "the image decides which user it runs as", "Set groups in the image."),
    lost(
        "healthcheck",
        "providers do not probe services: one that runs counts as healthy",
        "Let the process end when it is broken; providers start it again.",
    ),
    lost(
        "init",
        "the image's first process is what the image says",
        "Add `tini` to the image if children have to be reaped.",
    ),
    lost("ipc", NOT_PRIVILEGED, DO_WITHOUT),
    lost("isolation", "Windows containers are not offered", ""),
    lost("mac_address", OWN_NETWORK, ""),
    lost("mem_swappiness", NO_LIMITS, ""),
    lost("memswap_limit", "there is no swap", ""),
    lost(
        "models",
        "models are not run by the provider",
        "Run a model server as a service of its own.",
    ),
    lost("oom_kill_disable", NO_LIMITS, ""),
    lost("oom_score_adj", NO_LIMITS, ""),
    lost("pid", NOT_PRIVILEGED, DO_WITHOUT),
    lost("pids_limit", NO_LIMITS, ""),
    lost("post_start", "there are no hooks", "Do it at the beginning of the command."),
    lost("pre_stop", "there are no hooks", "Let the process handle SIGTERM."),
    lost("privileged", NOT_PRIVILEGED, DO_WITHOUT),
    lost("provider", "external tools are not run", ""),
    lost("read_only", "the container's disk is always writable", ""),
    lost("security_opt", "the provider decides about security options", ""),
    lost(
        "stop_grace_period",
        "a provider waits 30 seconds, then it kills",
        "Shut down within 30 seconds of SIGTERM.",
    ),
    lost(
        "stop_signal",
        "a provider sends the image's stop signal or SIGTERM",
        "Set `STOPSIGNAL` in the image.",
    ),
    lost("storage_opt", NO_LIMITS, ""),
    lost("sysctls", NOT_PRIVILEGED, DO_WITHOUT),
    lost(
        "ulimits",
        NO_LIMITS,
        "Raise soft limits at the beginning of the command: `ulimit -n 65536 && exec …`.",
    ),
    lost("use_api_socket", "there is no Docker on the provider's side to talk to", DO_WITHOUT),
    lost(
        "user",
        "the image decides which user it runs as",
        "Set `USER` in the image; root is allowed.",
    ),
    lost("userns_mode", NOT_PRIVILEGED, ""),
    lost("uts", NOT_PRIVILEGED, ""),
    lost(
        "volumes_from",
        "volumes cannot be shared between services",
        "Mount volumes in each service; they are separate.",
    ),
    lost(
        "working_dir",
        "the image decides in which directory it starts",
        "Set `WORKDIR` in the image, or begin the command with `cd`.",
    ),
];

/// Keys that make no difference on a provider.
pub(super) const SILENT: &[&str] = &[
    "annotations",
    "attach",
    "container_name",
    "develop",
    "label_file",
    "logging",
    "pull_policy",
    "stdin_open",
    "tty",
];

/// Keys that are read.
pub(super) const READ: &[&str] = &[
    "build",
    "command",
    "configs",
    "cpus",
    "depends_on",
    "deploy",
    "devices",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "gpus",
    "hostname",
    "image",
    "labels",
    "links",
    "mem_limit",
    "mem_reservation",
    "network_mode",
    "networks",
    "platform",
    "ports",
    "profiles",
    "restart",
    "runtime",
    "scale",
    "secrets",
    "shm_size",
    "tmpfs",
    "volumes",
];

/// Every key of a service, for "did you mean".
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    READ.iter().chain(SILENT).copied().chain(LOST.iter().map(|it| it.key))
}
