//! What image a service runs.

use super::Cx;
use crate::diagnostics::{Diagnostic, Sink};
use crate::rules::Rule;

/// An image's name in its parts: `registry/repository:tag@digest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ImageRef<'i> {
    /// Registry and path.
    pub(super) name: &'i str,
    pub(super) tag: Option<&'i str>,
    pub(super) digest: Option<&'i str>,
}

impl<'i> ImageRef<'i> {
    pub(super) fn parse(image: &'i str) -> Self {
        let (rest, digest) = match image.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (image, None),
        };
        // A colon before a slash belongs to the registry's port.
        let slash = rest.rfind('/').map_or(0, |it| it + 1);
        let colon = rest.get(slash..).and_then(|it| it.find(':')).map(|it| slash + it);
        let (name, tag) = match colon {
            Some(at) => (rest.get(..at).unwrap_or(rest), rest.get(at + 1..)),
            None => (rest, None),
        };
        Self { name, tag, digest }
    }

    /// The last part of the path: `postgres` of `docker.io/library/postgres`.
    pub(super) fn short(&self) -> &'i str {
        self.name.rsplit('/').next().unwrap_or(self.name)
    }

    /// Whether the image is an official one, or a well known build of the same.
    pub(super) fn is_official(&self) -> bool {
        let path = self.name.strip_prefix("docker.io/").unwrap_or(self.name);
        let path = path.strip_prefix("library/").unwrap_or(path);
        match path.split_once('/') {
            None => true,
            Some((owner, _)) => matches!(owner, "bitnami" | "bitnamilegacy"),
        }
    }
}

pub(super) fn check(cx: &Cx<'_, '_, '_>, sink: &mut Sink) {
    for (_, entry) in cx.deployed() {
        let Some(image) = &entry.value.image else { continue };
        let parts = ImageRef::parse(&image.text);
        if let Some((what, hint)) = fault(&image.text, parts) {
            let message = format!("no registry has an image named `{}`: {what}", image.text);
            sink.push(Diagnostic::new(Rule::ImageName, image.span, message).hint(hint));
            continue;
        }
        if parts.digest.is_some() || parts.tag.is_some_and(|it| it != "latest") {
            continue;
        }
        let message = match parts.tag {
            Some(_) => format!("`{}` is whatever `latest` happens to be", image.text),
            None => format!("`{}` has no tag, which means `latest`", image.text),
        };
        let hint = format!(
            "name the version that you tested: `{}:<version>`, or pin it with `@sha256:…`",
            parts.name
        );
        sink.push(Diagnostic::new(Rule::ImageTag, image.span, message).hint(hint));
    }
}

/// Why no registry can hold an image of this name.
fn fault(image: &str, parts: ImageRef<'_>) -> Option<(&'static str, String)> {
    if let Some((scheme, rest)) = image.split_once("://") {
        let rest = rest.strip_prefix("hub.docker.com/r/").unwrap_or(rest);
        let rest = lower_path(rest.trim_end_matches('/'));
        return Some(match scheme {
            "http" | "https" | "docker" => ("it is a web address", format!("write `{rest}`")),
            _ => ("it is a web address", "write the name as `docker pull` takes it".to_owned()),
        });
    }
    if image.contains(char::is_whitespace) {
        let trimmed = image.trim();
        return Some(match trimmed.contains(char::is_whitespace) {
            false => ("there is white space around it", format!("write `{trimmed}`")),
            true => ("there is white space in it", "remove the white space".to_owned()),
        });
    }
    let lower = lower_path(image);
    if lower != image {
        return Some(("names of images are in lower case", format!("write `{lower}`")));
    }
    if parts.tag == Some("") {
        return Some((
            "the tag is missing after the `:`",
            format!("write `{}:<version>`", parts.name),
        ));
    }
    None
}

/// The same image with its path in lower case: registry, tag and digest may have capitals.
fn lower_path(image: &str) -> String {
    let name = ImageRef::parse(image).name;
    let path = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) => path,
        _ => name,
    };
    let (before, after) = image.split_at(name.len() - path.len());
    let after = after.get(path.len()..).unwrap_or_default();
    format!("{before}{}{after}", path.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_taken_apart_as_registries_do() {
        let check = |image, name, tag, digest| {
            assert_eq!(ImageRef::parse(image), ImageRef { name, tag, digest }, "{image}");
        };
        check("nginx", "nginx", None, None);
        check("nginx:1.27", "nginx", Some("1.27"), None);
        check("localhost:5000/nginx", "localhost:5000/nginx", None, None);
        check("localhost:5000/a/b:2", "localhost:5000/a/b", Some("2"), None);
        check("a/b@sha256:00", "a/b", None, Some("sha256:00"));
        check("a/b:1@sha256:00", "a/b", Some("1"), Some("sha256:00"));
    }

    #[test]
    fn only_the_path_is_put_into_lower_case() {
        assert_eq!(lower_path("GHCR.io/Some/Web:RC1"), "GHCR.io/some/web:RC1");
        assert_eq!(lower_path("Some/Web"), "some/web");
        assert_eq!(lower_path("a.example:5000/b"), "a.example:5000/b");
    }

    #[test]
    fn official_images_are_known_by_their_path() {
        for (image, is_official) in [
            ("postgres:16", true),
            ("docker.io/library/postgres", true),
            ("library/postgres", true),
            ("bitnami/postgresql", true),
            ("someone/postgres", false),
            ("ghcr.io/someone/postgres", false),
        ] {
            assert_eq!(ImageRef::parse(image).is_official(), is_official, "{image}");
        }
    }
}
