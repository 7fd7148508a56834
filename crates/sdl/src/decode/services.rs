//! `services` (spec `sdl.md` 5).

use super::Decoder;
use crate::ast::{Credentials, Expose, HttpOptions, Params, Service, StorageParams, Text, To};
use crate::diagnostics::{Diagnostic, Span};
use crate::rules::Rule;
use crate::yaml::NodeId;
use std::collections::BTreeMap;

impl<'t> Decoder<'t, '_, '_> {
    pub(super) fn service(&mut self, id: Option<NodeId>) -> Service<'t> {
        const KEYS: [&str; 8] =
            ["image", "command", "args", "env", "expose", "dependencies", "params", "credentials"];
        let Some(id) = id else { return Service::default() };
        let Some(fields) = self.keyed_fields(id, "a service", KEYS) else {
            return Service { image: Some(Text::broken(self.tight(id))), ..Service::default() };
        };
        let credentials_key = fields[7].map(|it| it.0).unwrap_or_default();
        let [image, command, args, env, expose, dependencies, params, credentials] =
            fields.map(|it| it.map(|it| it.1));
        let service = Service {
            image: self.optional_text(image, "`image`"),
            command: self.texts(command, "`command`", "an entry of `command`"),
            args: self.texts(args, "`args`", "an entry of `args`"),
            env: self.texts(env, "`env`", "an entry of `env`"),
            expose: self.list(expose, "`expose`", Self::expose).unwrap_or_default(),
            params: self.present(params).map(|it| self.params(it)),
            credentials: self.present(credentials).map(|it| self.credentials(credentials_key, it)),
        };
        // Read for its types; nothing depends on it.
        self.list(dependencies, "`dependencies`", |this, item| {
            let [service] = this.fields(item, "an entry of `dependencies`", ["service"])?;
            Some(this.text(service, "`service`"))
        });
        service
    }

    fn expose(&mut self, id: NodeId) -> Option<Expose<'t>> {
        let what = "an entry of `expose`";
        let [port, external, proto, to, accept, http] =
            self.fields(id, what, ["port", "as", "proto", "to", "accept", "http_options"])?;
        Some(Expose {
            span: self.tight(id),
            port: self.number(port, "`port`"),
            external: self.number(external, "`as`"),
            proto: self.text(proto, "`proto`"),
            to: self.list(to, "`to`", Self::to).unwrap_or_default(),
            accept: self.accept(accept),
            http: self.http_options(http),
        })
    }

    fn to(&mut self, id: NodeId) -> Option<To<'t>> {
        let [service, global, ip, http] =
            self.fields(id, "an entry of `to`", ["service", "global", "ip", "http_options"])?;
        // Read for its types; it has no effect here.
        self.http_options(http);
        Some(To {
            service: self.text(service, "`service`"),
            global: self.flag(global, "`global`").value,
            ip: self.text(ip, "`ip`"),
        })
    }

    /// Hosts; each must be able to stand in a URL (14.1), which matters for services that are not deployed.
    fn accept(&mut self, id: Option<NodeId>) -> Option<Vec<Text<'t>>> {
        let hosts = self.texts(id, "`accept`", "an entry of `accept`")?;
        for host in &hosts {
            if !is_url_host(&host.text) {
                let message = format!("`{}` is not a host name", host.text);
                self.report(
                    Diagnostic::new(Rule::Hostname, host.span, message)
                        .hint(crate::check::host_hint(&host.text)),
                );
            }
        }
        Some(hosts)
    }

    fn http_options(&mut self, id: Option<NodeId>) -> HttpOptions<'t> {
        const KEYS: [&str; 7] = [
            "max_body_size",
            "read_timeout",
            "send_timeout",
            "next_tries",
            "next_timeout",
            "next_cases",
            "proxy_buffer_size",
        ];
        let Some([body, read, send, tries, timeout, cases, buffer]) =
            self.present(id).and_then(|it| self.fields(it, "`http_options`", KEYS))
        else {
            return HttpOptions::default();
        };
        HttpOptions {
            max_body_size: self.number(body, "`max_body_size`"),
            read_timeout: self.number(read, "`read_timeout`"),
            send_timeout: self.number(send, "`send_timeout`"),
            next_tries: self.number(tries, "`next_tries`"),
            next_timeout: self.number(timeout, "`next_timeout`"),
            next_cases: self
                .texts(cases, "`next_cases`", "an entry of `next_cases`")
                .unwrap_or_default(),
            proxy_buffer_size: self.number(buffer, "`proxy_buffer_size`"),
        }
    }

    fn params(&mut self, id: NodeId) -> Params<'t> {
        let Some([storage, permissions, tee]) =
            self.fields(id, "`params`", ["storage", "permissions", "tee"])
        else {
            return Params::default();
        };
        let storage = match self.present(storage) {
            None => BTreeMap::new(),
            Some(id) => self
                .named(id, "`params.storage`", |this, _, id| {
                    let Some(id) = id else { return StorageParams::default() };
                    let what = "a volume under `params.storage`";
                    match this.fields(id, what, ["mount", "readOnly"]) {
                        Some([mount, read_only]) => StorageParams {
                            mount: this.text(mount, "`mount`"),
                            read_only: this.flag(read_only, "`readOnly`"),
                        },
                        None => {
                            let mount = Text::broken(this.tight(id));
                            StorageParams { mount, ..StorageParams::default() }
                        }
                    }
                })
                .unwrap_or_default(),
        };
        let permissions = self.present(permissions).map(|it| {
            let [read] = self.fields(it, "`permissions`", ["read"]).unwrap_or_default();
            self.texts(read, "`permissions.read`", "an entry of `read`").unwrap_or_default()
        });
        let tee = self.optional_text(tee, "`tee`").filter(|it| !it.is_empty());
        Params { storage, permissions, tee }
    }

    fn credentials(&mut self, span: Span, id: NodeId) -> Credentials<'t> {
        let keys = ["host", "email", "username", "password"];
        let Some([host, email, username, password]) = self.fields(id, "`credentials`", keys) else {
            // Whatever stands there may be the password.
            self.secrets.push(self.span(id));
            let [host, email, username, password] = [(); 4].map(|()| Text::broken(self.tight(id)));
            return Credentials { span, host, email, username, password };
        };
        let password = self.text(password, "`password`");
        self.secrets.push(password.span);
        Credentials {
            span,
            host: self.text(host, "`host`"),
            email: self.text(email, "`email`"),
            username: self.text(username, "`username`"),
            password,
        }
    }
}

/// Whether a text can follow `http://` in a request's URL as the reference reads it.
fn is_url_host(text: &str) -> bool {
    if text.bytes().any(|it| it.is_ascii_control()) {
        return false;
    }
    // What follows the host belongs to the path and the query; the escapes of the path must be whole.
    let end = text.find(['/', '?']).unwrap_or(text.len());
    let (authority, rest) = text.split_at(end);
    let path = rest.split('?').next().unwrap_or_default();
    if !has_whole_escapes(path) {
        return false;
    }
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let is_user = |it: u8| it.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&it);
    if !user.bytes().all(is_user) || !has_whole_escapes(user) {
        return false;
    }
    let forbidden = |it: char| " \\^`{|}#".contains(it);
    // Escapes in a host are for what is not ASCII, and for the percent sign.
    let is_escape = |at: usize| match host.get(at + 1..at + 3) {
        Some("25") => true,
        Some(digits) => u8::from_str_radix(digits, 16).is_ok_and(|it| it >= 0x80),
        None => false,
    };
    if host.contains(forbidden) || !host.match_indices('%').all(|it| is_escape(it.0)) {
        return false;
    }
    if let Some(inner) = host.strip_prefix('[') {
        let Some((_, after)) = inner.rsplit_once(']') else { return false };
        return after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
    }
    match host.rsplit_once(':') {
        None => true,
        Some((_, port)) => is_port(port),
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|it| it.is_ascii_digit())
}

fn has_whole_escapes(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().filter(|it| *it.1 == b'%').all(|(at, _)| {
        [1, 2].iter().all(|it| bytes.get(at + it).is_some_and(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_what_a_url_takes() {
        for good in [
            "a.example",
            "A.example",
            "a:80",
            "[::1]",
            "[::1]:80",
            "a_b",
            "",
            "é.example",
            "a/b",
            "a%c3%a9",
            "a%25",
            "u:p@a",
            "a/#b",
            "a?b c",
            "::",
            "a\u{a0}b",
        ] {
            assert!(is_url_host(good), "{good}");
        }
        for bad in [
            "a b", "a\tb", "a:x", "[::1", "a%zz", "a^b", "a`b", "{a}", "a|b", "a\\b", "a#b",
            "a%41", "a b@c", "^@", "a/%", "a%2",
        ] {
            assert!(!is_url_host(bad), "{bad}");
        }
    }
}
