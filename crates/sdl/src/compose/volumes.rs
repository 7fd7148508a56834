//! Volumes, tmpfs and shared memory.

use super::model::{Service, Volume};
use super::notes::Notes;
use super::value::{Data, Value};
use super::words;
use crate::diagnostics::Span;
use crate::template::images;

/// What a volume gets when nobody says how much.
const DEFAULT_BYTES: u64 = 10 << 30;
/// What a tmpfs gets when nobody says how much; it counts as memory.
const DEFAULT_RAM_BYTES: u64 = 64 << 20;
/// The least a volume may have.
pub(super) const LEAST_BYTES: u64 = 5 << 20;
const MOST_BYTES: u64 = 32 << 40;
/// More than this the compiler refuses; providers refuse more than four.
const MOST_VOLUMES: usize = 19;

/// `source:target:mode` in its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Mount {
    kind: String,
    source: String,
    target: String,
    read_only: bool,
    bytes: Option<u64>,
}

fn short(text: &str) -> Mount {
    let mut parts: Vec<&str> = text.split(':').collect();
    // A Windows drive is no separator.
    if let [drive, rest, ..] = parts.as_slice()
        && drive.len() == 1
        && drive.starts_with(|it: char| it.is_ascii_alphabetic())
        && rest.starts_with(['\\', '/'])
    {
        let joined = text.get(..drive.len() + 1 + rest.len()).unwrap_or_default();
        parts.splice(0..2, [joined]);
    }
    let (source, target, mode) = match parts.as_slice() {
        [target] => ("", *target, ""),
        [source, target] => (*source, *target, ""),
        [source, target, mode, ..] => (*source, *target, *mode),
        [] => ("", "", ""),
    };
    let is_path = source.starts_with(['.', '/', '~', '\\']) || source.get(1..2) == Some(":");
    let kind = if source.is_empty() || !is_path { "volume" } else { "bind" };
    Mount {
        kind: kind.to_owned(),
        source: source.to_owned(),
        target: target.to_owned(),
        read_only: mode.split(',').any(|it| it == "ro"),
        bytes: None,
    }
}

fn long(it: &Value) -> Mount {
    let field = |key: &str| it.text_of(key).unwrap_or_default().to_owned();
    let pick = |a: &str, b: &str| if field(a).is_empty() { field(b) } else { field(a) };
    let tmpfs = it.get("tmpfs").and_then(|it| it.text_of("size")).and_then(words::bytes);
    Mount {
        kind: if field("type").is_empty() { "volume".to_owned() } else { field("type") },
        source: pick("source", "src"),
        target: if field("target").is_empty() {
            pick("destination", "dst")
        } else {
            field("target")
        },
        read_only: it.get("read_only").is_some_and(Value::is_true),
        bytes: tmpfs,
    }
}

/// What the file says about named volumes: name, size if it names one, and how many services mount it.
pub(super) struct Declared {
    pub(super) sizes: std::collections::BTreeMap<String, u64>,
    pub(super) users: std::collections::BTreeMap<String, Vec<String>>,
}

/// `volumes` of a service.
pub(super) fn mounts(
    service: &mut Service,
    list: &Value,
    declared: &mut Declared,
    notes: &mut Notes<'_>,
) {
    let path = format!("services.{}.volumes", service.name);
    for item in list.items() {
        let mount = match &item.data {
            Data::Scalar(text) => short(text),
            Data::Map(_) => long(item),
            _ => {
                notes.lost(
                    item.span,
                    &path,
                    "this is no volume",
                    "Write for example `data:/var/lib/data`.",
                );
                continue;
            }
        };
        if !mount.target.starts_with('/') || mount.target == "/" {
            let text = format!("`{}` is no place in a container", mount.target);
            notes.lost(item.span, &path, text, "Name an absolute path.");
            continue;
        }
        match mount.kind.as_str() {
            "volume" if mount.source.is_empty() => notes.changed(
                item.span,
                &path,
                format!("the unnamed volume at {} becomes part of the container's own disk, which is emptied on each restart", mount.target),
                "Name the volume to keep what is in it.",
            ),
            "volume" => named(service, &mount, item.span, &path, declared, notes),
            "bind" => bind(service, &mount, item.span, &path, notes),
            "tmpfs" => {
                let bytes = mount.bytes.unwrap_or(DEFAULT_RAM_BYTES);
                ram(service, &mount.target, bytes, item.span, &path, notes);
            }
            other => {
                let text = format!("mounts of type `{other}` do not exist on providers");
                notes.lost(item.span, &path, text, "Put the files into the image, or fetch them when it starts.");
            }
        }
    }
}

/// The file name's extension tells files from directories.
fn is_file(source: &str, target: &str) -> bool {
    let last = |it: &str| {
        it.trim_end_matches('/').rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
    };
    let has_extension = |it: &str| {
        it.rsplit_once('.').is_some_and(|(stem, end)| {
            !stem.is_empty()
                && (1..=5).contains(&end.len())
                && end.bytes().all(|it| it.is_ascii_alphanumeric())
        })
    };
    let (source, target) = (last(source), last(target));
    let is_config = |it: &str| {
        matches!(
            it,
            "Caddyfile" | "Dockerfile" | "Corefile" | "hosts" | "passwd" | "localtime" | "timezone"
        )
    };
    has_extension(&source) && !source.ends_with(".d")
        || has_extension(&target) && !target.ends_with(".d")
        || is_config(&source)
        || is_config(&target)
}

fn bind(service: &mut Service, mount: &Mount, span: Span, path: &str, notes: &mut Notes<'_>) {
    let source = mount.source.trim_end_matches('/');
    let what = format!(
        "`{}` is a directory of the Docker host, and a provider has no such host",
        mount.source
    );
    if source.ends_with("docker.sock") || source.ends_with("podman.sock") {
        notes.lost(
            span,
            path,
            "the Docker socket is not there: no container can see or start others",
            "Leave services that need it out; for a reverse proxy write host names into `accept` instead.",
        );
        return;
    }
    if matches!(source, "/etc/localtime" | "/etc/timezone") {
        notes.changed(
            span,
            path,
            "the host's time zone is not carried",
            "Set the variable `TZ`, for example `TZ=Europe/Berlin`.",
        );
        return;
    }
    let is_system = [
        "/proc",
        "/sys",
        "/dev",
        "/run",
        "/var/run",
        "/etc",
        "/usr",
        "/lib",
        "/boot",
        "/var/lib/docker",
        "/var/log",
    ]
    .iter()
    .any(|it| source == *it || source.strip_prefix(it).is_some_and(|it| it.starts_with('/')));
    if is_system || source.is_empty() {
        notes.lost(
            span,
            path,
            format!(
                "`{}` belongs to the host's system, which a container never sees",
                mount.source
            ),
            "Leave out what needs it.",
        );
        return;
    }
    if is_file(source, &mount.target) {
        notes.lost(
            span,
            path,
            format!("the file {} cannot be mounted: `{}` is on the Docker host", mount.target, mount.source),
            "Put it into the image (`COPY` in a Dockerfile), or write it at the beginning of the command from a variable.",
        );
        return;
    }
    if mount.read_only {
        notes.lost(
            span,
            path,
            format!("{what}; what is in it is missing at {}", mount.target),
            "Put the files into the image, or fetch them when it starts.",
        );
        return;
    }
    let target_name = mount.target.trim_matches('/').rsplit('/').next().unwrap_or("data");
    let name = unused(service, &words::name(target_name));
    let text = format!(
        "{what}; a persistent volume `{name}` of {} takes its place, empty at first",
        words::sdl_bytes(DEFAULT_BYTES)
    );
    push(
        service,
        Volume {
            name,
            mount: mount.target.clone(),
            read_only: false,
            is_ram: false,
            bytes: DEFAULT_BYTES,
        },
        span,
        path,
        notes,
    );
    notes.changed(span, path, text, "Copy the data in after the first start, and set the size that you need: it cannot be changed later.");
}

fn named(
    service: &mut Service,
    mount: &Mount,
    span: Span,
    path: &str,
    declared: &mut Declared,
    notes: &mut Notes<'_>,
) {
    let users = declared.users.entry(mount.source.clone()).or_default();
    let shared = users.iter().find(|it| **it != service.name).cloned();
    users.push(service.name.clone());
    let name = words::name(&mount.source);
    if service.volumes.iter().any(|it| it.name == name) {
        let text = format!(
            "volume `{}` is mounted twice in one service, which SDL cannot say; {} is left out",
            mount.source, mount.target
        );
        notes.lost(span, path, text, "Use one mount and links below it.");
        return;
    }
    let given = declared.sizes.get(&mount.source).copied();
    let bytes = given.unwrap_or(DEFAULT_BYTES);
    if let Some(other) = shared {
        let text = format!(
            "`{other}` and `{}` share the volume `{}`; volumes cannot be shared, so each gets its own",
            service.name, mount.source
        );
        notes.lost(span, path, text, "Put what they share behind a service (S3, NFS, a database), or both programs into one image.");
    }
    let size = words::sdl_bytes(bytes);
    if given.is_none() {
        let text = format!("volume `{}` becomes persistent storage of {size}", mount.source);
        notes.changed(span, path, text, "Set the size that you need: it cannot be changed later.");
    } else {
        notes.kept(
            span,
            path,
            format!("volume `{}` becomes persistent storage of {size}", mount.source),
        );
    }
    let volume = Volume {
        name,
        mount: mount.target.clone(),
        read_only: mount.read_only,
        is_ram: false,
        bytes,
    };
    push(service, volume, span, path, notes);
}

/// A disk in memory.
pub(super) fn ram(
    service: &mut Service,
    target: &str,
    bytes: u64,
    span: Span,
    path: &str,
    notes: &mut Notes<'_>,
) {
    let last = target.trim_matches('/').rsplit('/').next().unwrap_or("tmp");
    let name = unused(service, &words::name(last));
    let text = format!(
        "{target} becomes a volume of class `ram` of {}, which counts as memory",
        words::sdl_bytes(bytes.max(LEAST_BYTES))
    );
    notes.kept(span, path, text);
    push(
        service,
        Volume { name, mount: target.to_owned(), read_only: false, is_ram: true, bytes },
        span,
        path,
        notes,
    );
}

/// `tmpfs`: `/run`, `/run:size=64m`.
pub(super) fn tmpfs(service: &mut Service, list: &Value, notes: &mut Notes<'_>) {
    let path = format!("services.{}.tmpfs", service.name);
    for item in list.items() {
        let Some(text) = item.text() else { continue };
        let (target, options) = text.split_once(':').unwrap_or((text, ""));
        let size = options.split(',').find_map(|it| words::bytes(it.strip_prefix("size=")?));
        match target.starts_with('/') && target != "/" {
            true => {
                ram(service, target, size.unwrap_or(DEFAULT_RAM_BYTES), item.span, &path, notes)
            }
            false => notes.lost(
                item.span,
                &path,
                format!("`{target}` is no place in a container"),
                "Name an absolute path.",
            ),
        }
    }
}

/// A volume name that the service does not use yet; `default` is the disk itself.
fn unused(service: &Service, name: &str) -> String {
    let is_taken =
        |it: &str| it == "default" || service.volumes.iter().any(|volume| volume.name == it);
    let mut candidate = name.to_owned();
    let mut number = 2_usize;
    while is_taken(&candidate) {
        candidate = format!("{name}-{number}");
        number += 1;
    }
    candidate
}

fn push(service: &mut Service, mut volume: Volume, span: Span, path: &str, notes: &mut Notes<'_>) {
    volume.bytes = volume.bytes.clamp(LEAST_BYTES, MOST_BYTES);
    volume.mount = volume.mount.trim_end_matches('/').to_owned();
    if volume.name == "default" {
        volume.name = unused(service, "data");
    }
    if service.volumes.iter().any(|it| it.mount == volume.mount) {
        notes.lost(
            span,
            path,
            format!("{} is mounted twice; the first one counts", volume.mount),
            "",
        );
        return;
    }
    if service.volumes.len() >= MOST_VOLUMES {
        notes.lost(
            span,
            path,
            format!("a service can have at most {MOST_VOLUMES} volumes"),
            "Mount fewer.",
        );
        return;
    }
    service.volumes.push(volume);
    // With the container's own disk it is one more.
    if service.volumes.len() == 4 {
        notes.changed(span, path, "with the container's own disk these are more than four volumes, and most providers refuse that", "Mount one directory above them.");
    }
}

/// What the file says about a named volume's size: `driver_opts: {size: 10g}` or `o: size=10g`.
pub(super) fn declared_size(it: &Value) -> Option<u64> {
    let options = it.get("driver_opts")?;
    let direct = options.text_of("size").and_then(words::bytes);
    direct.or_else(|| {
        options.text_of("o")?.split(',').find_map(|it| words::bytes(it.strip_prefix("size=")?))
    })
}

/// Whether an image keeps its data where no volume is mounted; the place.
pub(super) fn forgotten(service: &Service) -> Option<&'static str> {
    let data = images::known_image(&service.image)?.data?;
    let is_below = |it: &Volume| {
        data == it.mount
            || data.starts_with(&format!("{}/", it.mount))
            || it.mount.starts_with(data)
    };
    (!service.volumes.iter().any(is_below)).then_some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_binds_and_files_are_told_apart() {
        let check = |text: &str, kind: &str, source: &str, target: &str, read_only: bool| {
            let mount = short(text);
            assert_eq!(
                (
                    mount.kind.as_str(),
                    mount.source.as_str(),
                    mount.target.as_str(),
                    mount.read_only
                ),
                (kind, source, target, read_only),
                "{text}"
            );
        };
        check("data:/var/lib", "volume", "data", "/var/lib", false);
        check("/data", "volume", "", "/data", false);
        check("./conf:/etc/conf:ro", "bind", "./conf", "/etc/conf", true);
        check("~/x:/x:rw,z", "bind", "~/x", "/x", false);
        check("C:\\data:/data", "bind", "C:\\data", "/data", false);
        check("C:/data:/data:ro", "bind", "C:/data", "/data", true);
        check("/:/rootfs:ro", "bind", "/", "/rootfs", true);
        for (source, target, expected) in [
            ("./nginx.conf", "/etc/nginx/nginx.conf", true),
            ("./data", "/var/lib/mysql", false),
            ("./conf.d", "/etc/nginx/conf.d", false),
            ("./Caddyfile", "/etc/caddy/Caddyfile", true),
            ("./certs", "/certs", false),
            ("./.ssh", "/root/.ssh", false),
        ] {
            assert_eq!(is_file(source, target), expected, "{source}");
        }
    }
}
