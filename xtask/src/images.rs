//! The images of the examples: on the engine, or from a registry, or made here from Debian packages.
//!
//! Called by `demo` and `test` after [`crate::docker::ensure`]. A made image is a minimal root file system with the real
//! programs, the files and entry points that the official image has for what the examples use, and a
//! label that says where it came from. Cached as a tar file under `target/images`.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::docker::{self, DockerHost};

/// A registry that says nothing for this long is not reachable.
const REGISTRY_SILENCE: Duration = Duration::from_secs(15);
/// Importing a tar file of a hundred megabytes on a slow disk.
const IMPORT_SILENCE: Duration = Duration::from_secs(120);
/// On every image: a shell, the usual tools, and a small Perl, which Debian counts as essential.
const BASE: [&str; 12] = [
    "base-files",
    "base-passwd",
    "bash",
    "coreutils",
    "dash",
    "findutils",
    "grep",
    "hostname",
    "libc-bin",
    "mawk",
    "perl-base",
    "sed",
];

/// How to make an image from packages.
struct Recipe {
    /// Name and tag, as the examples say it.
    name: &'static str,
    /// What is in it besides [`BASE`]; the first gives the version.
    packages: &'static [&'static str],
    /// Accounts as lines of `passwd`; each gets a group of the same name.
    accounts: &'static [&'static str],
    /// Directories that no package brings.
    folders: &'static [&'static str],
    /// Path, mode, content.
    files: &'static [(&'static str, u32, &'static str)],
    /// Path, target.
    links: &'static [(&'static str, &'static str)],
    /// Instructions as in a Dockerfile.
    changes: &'static [&'static str],
}

const RECIPES: [Recipe; 2] = [
    Recipe {
        name: "nginx:stable",
        packages: &["nginx"],
        accounts: &["nginx:x:101:101:nginx:/nonexistent:/bin/false"],
        folders: &["docker-entrypoint.d", "etc/nginx/conf.d", "var/cache/nginx", "var/lib/nginx"],
        files: &[
            ("etc/nginx/nginx.conf", 0o644, NGINX_CONF),
            ("etc/nginx/conf.d/default.conf", 0o644, NGINX_SITE),
            ("docker-entrypoint.sh", 0o755, NGINX_ENTRY),
        ],
        links: &[
            ("var/log/nginx/access.log", "/dev/stdout"),
            ("var/log/nginx/error.log", "/dev/stderr"),
        ],
        changes: &[
            "ENTRYPOINT [\"/docker-entrypoint.sh\"]",
            "CMD [\"nginx\",\"-g\",\"daemon off;\"]",
            "EXPOSE 80",
        ],
    },
    Recipe {
        name: "redis:7",
        packages: &["redis-server", "util-linux"],
        accounts: &["redis:x:999:999:redis:/data:/bin/false"],
        folders: &["data"],
        files: &[("usr/local/bin/docker-entrypoint.sh", 0o755, REDIS_ENTRY)],
        links: &[],
        changes: &[
            "ENTRYPOINT [\"docker-entrypoint.sh\"]",
            "CMD [\"redis-server\"]",
            "WORKDIR /data",
            "VOLUME /data",
            "EXPOSE 6379",
        ],
    },
];

const NGINX_CONF: &str = "\
user nginx;
worker_processes auto;
error_log /var/log/nginx/error.log notice;
pid /var/run/nginx.pid;
events {
    worker_connections 1024;
}
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    log_format main '$remote_addr - $remote_user [$time_local] \"$request\" '
                    '$status $body_bytes_sent \"$http_referer\" '
                    '\"$http_user_agent\" \"$http_x_forwarded_for\"';
    access_log /var/log/nginx/access.log main;
    sendfile on;
    keepalive_timeout 65;
    include /etc/nginx/conf.d/*.conf;
}
";

const NGINX_SITE: &str = "\
server {
    listen 80;
    server_name localhost;
    location / {
        root /usr/share/nginx/html;
        index index.html index.htm;
    }
}
";

const NGINX_ENTRY: &str = "\
#!/bin/sh
set -e
for script in /docker-entrypoint.d/*.sh; do
    if [ -x \"$script\" ]; then \"$script\"; fi
done
exec \"$@\"
";

/// As the official one: options are the server's, root steps down to the owner of the data. The official server is built
/// without protected mode, since a container's network is its own.
const REDIS_ENTRY: &str = "\
#!/bin/sh
set -e
if [ \"${1#-}\" != \"$1\" ] || [ \"${1%.conf}\" != \"$1\" ]; then
    set -- redis-server \"$@\"
fi
if [ \"$1\" = redis-server ] && [ \"$(id -u)\" = 0 ]; then
    find . \\! -user redis -exec chown redis:redis '{}' +
    exec setpriv --reuid redis --regid redis --clear-groups -- \"$0\" \"$@\"
fi
if [ \"$1\" = redis-server ]; then
    set -- \"$@\" --protected-mode no
fi
exec \"$@\"
";

/// Where the examples' images came from this time.
pub(crate) struct Images {
    made: Vec<&'static str>,
}

impl Images {
    /// Takes the made images off an engine that is not our own again: there their names belong to the registry's.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub(crate) fn remove_made(&self, host: &DockerHost) -> Result<()> {
        if host.is_own() {
            return Ok(());
        }
        for name in &self.made {
            host.call("DELETE", &format!("/images/{name}"), None, IMPORT_SILENCE)?;
        }
        Ok(())
    }
}

/// Makes sure that the engine has every image of the examples. `target` is the build directory.
///
/// # Errors
/// When an image is not there, cannot be pulled, and cannot be made either.
pub(crate) fn ensure(
    host: &DockerHost,
    target: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Images> {
    let mut made = Vec::new();
    let mut registry = Ok(());
    for recipe in &RECIPES {
        let name = recipe.name;
        match present(host, recipe)? {
            Present::Registry => {
                progress(&format!("image {name}: on the engine"));
                continue;
            }
            Present::Made => {
                progress(&format!("image {name}: on the engine, made from Debian packages before"));
                made.push(name);
                continue;
            }
            Present::No => {}
        }
        // A registry that did not answer for one image is not asked for the next.
        if registry.is_ok() {
            progress(&format!("image {name}: asking the registry"));
            registry = pull(host, name);
            if registry.is_ok() {
                progress(&format!("image {name}: pulled"));
                continue;
            }
        }
        let cause = registry.as_ref().err().map(|error| format!("{error:#}")).unwrap_or_default();
        if !docker::is_debian() || docker::find("dpkg-deb").is_none() {
            bail!(
                "image {name} is not on the engine and cannot be pulled ({cause}); \
                 connect to a registry, or run this on Debian or Ubuntu, where it can be made from packages"
            );
        }
        progress(&format!("image {name}: no registry ({cause}); making it from Debian packages"));
        let (tar, version) = make(recipe, target)
            .with_context(|| format!("image {name} can neither be pulled nor made"))?;
        import(host, recipe, &tar, &version)?;
        progress(&format!(
            "image {name}: made from Debian's {} {version}; it is not the registry's image of that name",
            recipe.packages[0]
        ));
        made.push(name);
    }
    Ok(Images { made })
}

enum Present {
    No,
    /// From a registry, or the user's own.
    Registry,
    /// Made here by this recipe.
    Made,
}

fn present(host: &DockerHost, recipe: &Recipe) -> Result<Present> {
    let path = format!("/images/{}/json", recipe.name);
    let (status, body) = host.call("GET", &path, None, REGISTRY_SILENCE)?;
    if status != 200 {
        return Ok(Present::No);
    }
    let image: serde_json::Value = serde_json::from_slice(&body)?;
    Ok(match image["Config"]["Labels"]["haggle.recipe"].as_str() {
        None => Present::Registry,
        Some(known) if known == recipe.fingerprint() => Present::Made,
        // Made by an older recipe.
        Some(_) => Present::No,
    })
}

fn pull(host: &DockerHost, name: &str) -> Result<()> {
    let (image, tag) = name.split_once(':').context("an image name has a tag")?;
    let path = format!("/images/create?fromImage={image}&tag={tag}");
    let (status, body) = host.call("POST", &path, None, REGISTRY_SILENCE)?;
    let text = String::from_utf8_lossy(&body);
    for line in text.lines() {
        let step: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let error = step["error"].as_str().or(step["message"].as_str().filter(|_| status != 200));
        if let Some(error) = error {
            bail!("{error}");
        }
    }
    if status != 200 {
        bail!("the engine answers with HTTP status {status}");
    }
    Ok(())
}

fn import(host: &DockerHost, recipe: &Recipe, tar: &Path, version: &str) -> Result<()> {
    let (image, tag) = recipe.name.split_once(':').context("an image name has a tag")?;
    let label = format!(
        "LABEL haggle.recipe=\"{}\" org.opencontainers.image.description=\"{} {version} from Debian packages\"",
        recipe.fingerprint(),
        recipe.packages[0]
    );
    let path_variable = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let mut path = format!("/images/create?fromSrc=-&repo={image}&tag={tag}");
    for change in recipe.changes.iter().chain([&label.as_str(), &path_variable]) {
        path.push_str("&changes=");
        path.push_str(&encode(change));
    }
    let (status, body) = host.call("POST", &path, Some(tar), IMPORT_SILENCE)?;
    let text = String::from_utf8_lossy(&body);
    if status != 200 || text.contains("errorDetail") {
        bail!("the engine does not take image {}: {}", recipe.name, text.trim());
    }
    Ok(())
}

impl Recipe {
    /// Changes with the recipe.
    fn fingerprint(&self) -> String {
        use std::hash::{Hash, Hasher};
        let mut hasher = std::hash::DefaultHasher::new();
        (BASE, self.packages, self.accounts, self.folders).hash(&mut hasher);
        (self.files, self.links, self.changes).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

/// The root file system as a tar file, and the version of its first package.
fn make(recipe: &Recipe, target: &Path) -> Result<(PathBuf, String)> {
    let dir = target.join("images");
    let stem = format!("{}-{}", recipe.name.replace(':', "-"), recipe.fingerprint());
    let tar = dir.join(format!("{stem}.tar"));
    let version_file = dir.join(format!("{stem}.version"));
    if let (true, Ok(version)) = (tar.exists(), fs::read_to_string(&version_file)) {
        return Ok((tar, version));
    }
    let debs = dir.join(format!("{stem}.debs"));
    download(recipe, &debs)?;
    let root = dir.join(format!("{stem}.root"));
    let _ = fs::remove_dir_all(&root);
    let version = unpack(recipe, &debs, &root)?;
    furnish(recipe, &root)?;
    // Complete or absent: a half-written tar file must not be taken for a finished one.
    let half = tar.with_extension("half");
    run(Command::new("tar")
        .args(["--numeric-owner", "--owner=0", "--group=0", "-C"])
        .arg(&root)
        .arg("-cf")
        .arg(&half)
        .arg("."))?;
    fs::rename(&half, &tar)?;
    fs::write(&version_file, &version)?;
    let _ = fs::remove_dir_all(&root);
    let _ = fs::remove_dir_all(&debs);
    Ok((tar, version))
}

/// Fetches the packages and everything they need, as if nothing was installed; touches nothing of the system's.
fn download(recipe: &Recipe, debs: &Path) -> Result<()> {
    fs::create_dir_all(debs.join("partial"))?;
    let status = debs.join("status");
    fs::write(&status, "")?;
    let lists = debs.join("lists");
    let apt = |words: &[&str], private_lists: bool| {
        let mut command = Command::new("apt-get");
        for option in [
            format!("Dir::State::status={}", status.display()),
            format!("Dir::Cache::archives={}", debs.display()),
            "Debug::NoLocking=1".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        if private_lists {
            command.arg("-o").arg(format!("Dir::State::Lists={}", lists.display()));
            for name in ["pkgcache", "srcpkgcache"] {
                let file = debs.join(name);
                command.arg("-o").arg(format!("Dir::Cache::{name}={}", file.display()));
            }
        }
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    let mut words = vec!["install", "--download-only", "-y", "--no-install-recommends"];
    words.extend(BASE);
    words.extend(recipe.packages);
    if run(&mut apt(&words, false)).is_ok() {
        return Ok(());
    }
    // The system's lists are missing or outdated: fetch some of our own.
    fs::create_dir_all(lists.join("partial"))?;
    run(&mut apt(&["update"], true))?;
    run(&mut apt(&words, true))
}

fn unpack(recipe: &Recipe, debs: &Path, root: &Path) -> Result<String> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        fs::create_dir_all(root.join("usr").join(name))?;
        symlink(format!("usr/{name}"), root.join(name))?;
    }
    let mut version = String::new();
    let mut files: Vec<PathBuf> =
        fs::read_dir(debs)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    for deb in files.iter().filter(|path| path.extension().is_some_and(|it| it == "deb")) {
        let mut source = Command::new("dpkg-deb")
            .arg("--fsys-tarfile")
            .arg(deb)
            .stdout(Stdio::piped())
            .spawn()
            .context("dpkg-deb does not start")?;
        let pipe = source.stdout.take().context("dpkg-deb has no output")?;
        let mut tar = Command::new("tar");
        tar.args(["-x", "--keep-directory-symlink", "-f", "-", "-C"]).arg(root);
        // Never needed in a container.
        for skipped in ["doc", "man", "locale", "info", "lintian", "bash-completion"] {
            tar.arg(format!("--exclude=./usr/share/{skipped}"));
        }
        run(tar.stdin(pipe))?;
        if !source.wait()?.success() {
            bail!("dpkg-deb cannot read {}", deb.display());
        }
        let name = deb.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut parts = name.split('_');
        if parts.next() == Some(recipe.packages[0]) {
            version = parts.next().unwrap_or_default().replace("%3a", ":");
        }
    }
    let upstream = version.rsplit_once(':').map_or(version.as_str(), |(_, it)| it);
    Ok(upstream.split('-').next().unwrap_or(upstream).to_owned())
}

/// What the packages' own scripts and the official image add.
fn furnish(recipe: &Recipe, root: &Path) -> Result<()> {
    for (name, mode) in [("tmp", 0o1777), ("var/tmp", 0o1777), ("run", 0o755), ("root", 0o700)] {
        let path = root.join(name);
        if !path.exists() {
            fs::create_dir_all(&path)?;
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    for (name, to) in [("usr/bin/sh", "dash"), ("usr/bin/awk", "mawk"), ("var/run", "/run")] {
        link(&root.join(name), to)?;
    }
    let accounts = |kind: &str| fs::read_to_string(root.join("usr/share/base-passwd").join(kind));
    let (mut passwd, mut group) = (accounts("passwd.master")?, accounts("group.master")?);
    for line in recipe.accounts {
        let fields: Vec<&str> = line.split(':').collect();
        passwd.push_str(&format!("{line}\n"));
        group.push_str(&format!("{}:x:{}:\n", fields[0], fields[3]));
    }
    fs::write(root.join("etc/passwd"), passwd)?;
    fs::write(root.join("etc/group"), group)?;
    for name in recipe.folders {
        fs::create_dir_all(root.join(name))?;
    }
    for (name, mode, content) in recipe.files {
        let path = root.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let _ = fs::remove_file(&path);
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
    }
    for (name, to) in recipe.links {
        link(&root.join(name), to)?;
    }
    Ok(())
}

fn link(path: &Path, to: &str) -> Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    symlink(to, path).with_context(|| format!("link {}", path.display()))
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .with_context(|| format!("{program} does not start"))?;
    if !done.status.success() {
        let text = String::from_utf8_lossy(&done.stderr);
        let lines: Vec<&str> = text.lines().collect();
        bail!("{program} failed: {}", lines[lines.len().saturating_sub(3)..].join(" / "));
    }
    Ok(())
}

/// Percent-encoding for a query string.
pub(crate) fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_of_the_examples_has_a_recipe() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        let mut found = 0;
        for entry in fs::read_dir(examples).expect("examples") {
            let text = fs::read_to_string(entry.expect("entry").path()).expect("text");
            for line in text.lines() {
                let Some(image) = line.trim().strip_prefix("image:") else { continue };
                found += 1;
                let image = image.trim();
                assert!(RECIPES.iter().any(|recipe| recipe.name == image), "no recipe for {image}");
            }
        }
        assert!(found >= 3, "web.yaml and stack.yaml have three services");
    }

    #[test]
    fn a_query_string_is_encoded() {
        assert_eq!(encode("CMD [\"a b\"]"), "CMD%20%5B%22a%20b%22%5D");
    }
}
