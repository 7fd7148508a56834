//! The wizard: which questions there are, what their defaults are, and what an answer means.

use super::{
    Answers, Audience, Budget, Gpu, Port, Problem, Proto, Question, Size, Template, Volume, images,
    known_image, render,
};
use crate::compose::split_words;
use crate::quantity;

/// The sizes that have names, and what they are.
pub(super) const SIZES: &[(&str, &str)] = &[
    ("small", "0.5 CPU, 512 MiB memory, 1 GiB disk: a web site, a small service"),
    ("medium", "2 CPU, 4 GiB memory, 10 GiB disk: an application, a database"),
    ("large", "8 CPU, 16 GiB memory, 50 GiB disk: a busy application"),
    ("gpu", "8 CPU, 32 GiB memory, 100 GiB disk, 1 GPU: models and rendering"),
    ("custom", "asks for each number"),
];
const SIZE_NAMES: &[&str] = &["small", "medium", "large", "gpu", "custom"];
const CLASSES: &[&str] = &["beta1", "beta2", "beta3", "default"];

/// The answer that means "nothing of it".
const NONE: &str = "none";

/// The answer to a question, or its default when there is none or an empty one.
fn answer<'a>(answers: &'a Answers, key: &str, default: &'a str) -> &'a str {
    answers.get(key).map(|it| it.trim()).filter(|it| !it.is_empty()).unwrap_or(default)
}

fn question(
    key: &'static str,
    prompt: &str,
    help: impl Into<String>,
    default: impl Into<String>,
    choices: &[&'static str],
) -> Question {
    Question {
        key,
        prompt: prompt.to_owned(),
        help: help.into(),
        default: default.into(),
        choices: choices.to_vec(),
    }
}

pub(super) fn all(answers: &Answers) -> Vec<Question> {
    let mut list = vec![question(
        "image",
        "Container image",
        "What to run, with its version: `nginx:1.28`, `ghcr.io/me/app:1.4`. It must be for x86-64 Linux and can be \
         pulled without a password.",
        "nginx:1.28",
        &[],
    )];
    let image = answer(answers, "image", "nginx:1.28");
    let base = Template::new(image);
    let known = known_image(image);
    list.push(question(
        "name",
        "Name of the service",
        "Lower-case letters, digits and dashes. It names the service in logs.",
        base.name.clone(),
        &[],
    ));
    let default_ports = render::ports_answer(&base.ports);
    list.push(question(
        "ports",
        "Ports it listens on",
        "`80/http` is reached by host name over HTTP and HTTPS (one port at most), `5432/tcp` and `53/udp` on a port that \
         the provider picks, `9000/internal` by nobody outside. Separate several with commas. A number alone is HTTP \
         if it is the first, and TCP otherwise.",
        default_ports.clone(),
        &[],
    ));
    let ports = parse_ports(answer(answers, "ports", &default_ports)).unwrap_or_default();
    if ports.iter().any(|it| it.audience == Audience::Web) {
        list.push(question(
            "hosts",
            "Own host names",
            "Names that you own, such as `www.example.com`, separated with commas; point their DNS at the provider \
             afterwards. The provider makes a name in any case.",
            NONE,
            &[],
        ));
    }
    let default_size = known.map_or("small", |it| it.size);
    let sizes: Vec<String> = SIZES.iter().map(|it| format!("{}: {}", it.0, it.1)).collect();
    list.push(question("size", "Size", sizes.join("; "), default_size, SIZE_NAMES));
    let size_name = answer(answers, "size", default_size);
    // Exact numbers may be given beside a named size.
    let size = images::size(size_name).or_else(|| images::size("small"));
    let size = size.unwrap_or_else(|| base.size.clone());
    let is_custom = size_name == "custom";
    for (key, prompt, help, default) in [
        ("cpu", "CPU", "Cores: `0.5`, `2`, `500m`. At least 0.01, at most 384.", &size.cpu),
        (
            "memory",
            "Memory",
            "With a binary unit: `512Mi`, `4Gi`. At least 1Mi, at most 2Ti.",
            &size.memory,
        ),
        (
            "storage",
            "Disk",
            "What the container may write beside its image; emptied on each restart. `1Gi`, at least 5Mi, at most 32Ti.",
            &size.storage,
        ),
    ] {
        if is_custom || answers.contains_key(key) {
            list.push(question(key, prompt, help, default.clone(), &[]));
        }
    }
    let default_cards = if size_name == "gpu" { "1" } else { "0" };
    if is_custom || size_name == "gpu" || answers.contains_key("gpu_units") {
        list.push(question(
            "gpu_units",
            "Graphics cards",
            "Number of cards for each replica, 0 to 24.",
            default_cards,
            &[],
        ));
    }
    let cards = answer(answers, "gpu_units", default_cards);
    if !matches!(cards, "0" | "") && (size_name == "gpu" || answers.contains_key("gpu_units")) {
        list.push(question(
            "gpu_model",
            "Models of graphics cards",
            "Models that would do, as providers spell them: `rtx4090`, `h100`, `a100/80Gi`, `a100/80Gi/sxm`. Separate \
             several with commas; `any` takes every card and may be priced as the dearest.",
            "rtx4090",
            &[],
        ));
    }
    let default_mount = known.and_then(|it| it.data).unwrap_or(NONE);
    list.push(question(
        "volume",
        "Directory to keep",
        "An absolute path whose contents outlive restarts and updates, such as `/data`, or `none`. Everything else is \
         lost when the container restarts.",
        default_mount,
        &[],
    ));
    if answer(answers, "volume", default_mount) != NONE {
        let default = base.volumes.first().map_or("10Gi", |it| it.size.as_str());
        list.push(question(
            "volume_size",
            "Size of what is kept",
            "`10Gi`. It cannot be changed later.",
            default,
            &[],
        ));
        list.push(question(
            "volume_class",
            "Kind of disk",
            "`beta1` is HDD, `beta2` SSD, `beta3` NVMe, `default` what the provider likes.",
            "beta2",
            CLASSES,
        ));
    }
    let needs: Vec<String> =
        known.iter().flat_map(|it| it.needs).map(|it| format!("{} ({})", it.0, it.1)).collect();
    let needs = match needs.is_empty() {
        true => String::new(),
        false => format!(" This image needs {}.", needs.join(" and ")),
    };
    list.push(question(
        "env",
        "Environment variables",
        format!(
            "`NAME=value`, separated with spaces; quote values with spaces: `GREETING='hello world'`. The provider can \
             read them.{needs}"
        ),
        NONE,
        &[],
    ));
    list.push(question(
        "replicas",
        "Replicas",
        "How many run at once. Each has its own disk; HTTP is spread over them.",
        "1",
        &[],
    ));
    let so_far = fill(answers, &base).0;
    let symbol = crate::explain::cost::symbol(&so_far.denom).unwrap_or("units");
    list.push(question(
        "budget",
        "Most it may cost a month",
        format!(
            "In {symbol}, for all replicas together; one ACT is meant to be one US dollar. Offers above it are not \
             considered, most are below."
        ),
        super::estimate::for_template(&so_far).to_string(),
        &[],
    ));
    list.push(question(
        "region",
        "Region",
        "Only providers that say they are there, for example `us-west` or `eu-central`; `any` takes all, which is cheaper.",
        "any",
        &[],
    ));
    // For those who know; nobody else is asked.
    if answers.contains_key("attributes") {
        list.push(question(
            "attributes",
            "Attributes a provider must have",
            "`key=value`, separated with spaces.",
            NONE,
            &[],
        ));
    }
    if answers.contains_key("denom") {
        list.push(question(
            "denom",
            "Denomination",
            "`uact`: the chain opens new deployments in no other.",
            "uact",
            &["uact", "uakt"],
        ));
    }
    list
}

pub(super) fn check(question: &Question, text: &str) -> Result<(), String> {
    let text = text.trim();
    let text = if text.is_empty() { question.default.as_str() } else { text };
    check_answer(question.key, text, &question.choices)
}

fn check_answer(key: &str, text: &str, choices: &[&str]) -> Result<(), String> {
    if !choices.is_empty() && !choices.contains(&text) {
        let near = crate::suggest::nearest(text, choices.iter().copied());
        let near = near.map_or_else(String::new, |it| format!("; did you mean `{it}`?"));
        return Err(format!("`{text}` is none of {}{near}", choices.join(", ")));
    }
    match key {
        "image" => image(text),
        "name" => name(text),
        "ports" => parse_ports(text).and_then(|it| {
            match it.iter().any(|it| it.audience != Audience::Internal) {
                true => Ok(()),
                false => {
                    Err("at least one port must be reachable from outside: `80/http` or `5432/tcp`"
                        .to_owned())
                }
            }
        }),
        "hosts" => parse_hosts(text).map(drop),
        "cpu" => cpu(text),
        "memory" => bytes(text, "512Mi", 1 << 20, 1 << 41, "1Mi", "2Ti"),
        "storage" | "volume_size" => bytes(text, "10Gi", 5 << 20, 1 << 45, "5Mi", "32Ti"),
        "gpu_units" => number(text, 0, 24),
        "gpu_model" => parse_models(text).map(drop),
        "volume" if text != NONE => match text.starts_with('/')
            && !text.contains(char::is_whitespace)
        {
            true if text.len() > 1 => Ok(()),
            true => Err("`/` itself cannot be kept; name a directory, such as `/data`".to_owned()),
            false => Err(format!("`{text}` is no absolute path; write for example `/data`")),
        },
        "env" | "attributes" => parse_pairs(text, key == "env").map(drop),
        "replicas" => number(text, 1, 50),
        "budget" => render::budget_micro(text).map(drop),
        _ => Ok(()),
    }
}

fn image(text: &str) -> Result<(), String> {
    if text.contains(char::is_whitespace) || text.contains("://") {
        return Err(format!(
            "`{text}` is no image; write the name as `docker pull` takes it, for example `nginx:1.28`"
        ));
    }
    let (name, tag) = images::parts(text);
    if name.is_empty() || name.ends_with('/') {
        return Err(format!("`{text}` names no image"));
    }
    if name.rsplit('/').next().is_some_and(|it| it.contains(|it: char| it.is_ascii_uppercase())) {
        return Err(format!("names of images are in lower case: `{}`", text.to_ascii_lowercase()));
    }
    if text.contains('@') || tag.is_some_and(|it| !it.is_empty() && it != "latest") {
        return Ok(());
    }
    let tag = known_image(text).map_or("1.0", |it| it.tag);
    Err(format!(
        "say which version, so that a restart does not bring another one: for example `{name}:{tag}`"
    ))
}

fn name(text: &str) -> Result<(), String> {
    let suggestion = crate::compose::service_name(text);
    match suggestion == text {
        true => Ok(()),
        false => Err(format!(
            "`{text}` cannot be a host name: lower-case letters, digits and dashes, a letter first, at most 32; for example \
             `{suggestion}`"
        )),
    }
}

fn cpu(text: &str) -> Result<(), String> {
    match quantity::cpu(text) {
        Ok(10..=384_000) => Ok(()),
        Ok(_) => {
            Err(format!("`{text}` is outside of what one replica may have, 0.01 to 384 cores"))
        }
        Err(_) => Err(format!("`{text}` is no number of cores; write `0.5`, `2` or `500m`")),
    }
}

fn bytes(
    text: &str,
    example: &str,
    least: u64,
    most: u64,
    least_text: &str,
    most_text: &str,
) -> Result<(), String> {
    match quantity::bytes(text) {
        Ok(value) if text.bytes().all(|it| it.is_ascii_digit()) => Err(format!(
            "`{text}` has no unit, which is {}; write for example `{text}Mi`",
            crate::explain::words::plural(u128::from(value), "byte")
        )),
        Ok(value) if (least..=most).contains(&value) => Ok(()),
        Ok(_) => {
            Err(format!("`{text}` is outside of what is allowed, {least_text} to {most_text}"))
        }
        Err(_) => {
            let corrected = text.trim_end_matches(['B', 'b']).replace(' ', "");
            let near = [corrected.clone(), format!("{corrected}i")]
                .into_iter()
                .map(|it| it.replace(['g', 'm', 't'], "").clone() + unit_of(&it))
                .find(|it| quantity::bytes(it).is_ok() && it.ends_with('i'));
            let near = near.unwrap_or_else(|| example.to_owned());
            Err(format!("`{text}` is no size; write for example `{near}`"))
        }
    }
}

fn unit_of(text: &str) -> &'static str {
    match text.find(['g', 'm', 't']).and_then(|at| text.get(at..=at)) {
        Some("g") => "Gi",
        Some("m") => "Mi",
        Some("t") => "Ti",
        _ => "",
    }
}

fn number(text: &str, least: u32, most: u32) -> Result<(), String> {
    match text.parse::<u32>() {
        Ok(value) if (least..=most).contains(&value) => Ok(()),
        _ => Err(format!("`{text}` is no whole number from {least} to {most}")),
    }
}

/// Items separated by commas or blanks.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\n', '\t']).map(str::trim).filter(|it| !it.is_empty())
}

/// `80/http, 5432/tcp, 53/udp, 9000/internal`.
fn parse_ports(text: &str) -> Result<Vec<Port>, String> {
    let mut list: Vec<Port> = Vec::new();
    for item in items(text) {
        let (number, kind) = item.split_once('/').unwrap_or((item, ""));
        let port: u16 = number.parse().ok().filter(|it| *it > 0).ok_or_else(|| {
            format!("`{item}` is no port; write a number from 1 to 65535, with `/http`, `/tcp`, `/udp` or `/internal`")
        })?;
        let has_web = list.iter().any(|it| it.audience == Audience::Web);
        let (proto, audience) = match kind.to_ascii_lowercase().as_str() {
            "" if list.is_empty() => (Proto::Tcp, Audience::Web),
            "" | "tcp" => (Proto::Tcp, Audience::World),
            "http" | "https" | "web" => (Proto::Tcp, Audience::Web),
            "udp" => (Proto::Udp, Audience::World),
            "internal" => (Proto::Tcp, Audience::Internal),
            other => {
                return Err(format!(
                    "`{other}` is no way to reach a port; write `/http`, `/tcp`, `/udp` or `/internal`"
                ));
            }
        };
        if audience == Audience::Web && has_web {
            return Err(format!(
                "only one port can be reached over HTTP by host name; write `{port}/tcp` for the second"
            ));
        }
        if audience == Audience::World && proto == Proto::Tcp && port == 80 {
            return Err("port 80 over TCP is always HTTP; write `80/http`".to_owned());
        }
        if list.iter().any(|it| it.port == port && it.proto == proto) {
            return Err(format!("port {port} stands there twice"));
        }
        list.push(Port { port, proto, audience, hosts: Vec::new() });
    }
    match list.is_empty() {
        true => {
            Err("at least one port is needed: a deployment that nobody can reach is refused"
                .to_owned())
        }
        false => Ok(list),
    }
}

fn parse_hosts(text: &str) -> Result<Vec<String>, String> {
    let mut list: Vec<String> = Vec::new();
    for item in items(text).filter(|it| *it != NONE) {
        let host =
            item.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
        let is_label = |it: &str| {
            let is_inner = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
            !it.is_empty() && it.bytes().all(is_inner) && !it.starts_with('-') && !it.ends_with('-')
        };
        if host != item || host.len() > 253 || !host.contains('.') || !host.split('.').all(is_label)
        {
            return Err(format!(
                "`{item}` is no host name; write for example `www.example.com`, in lower case"
            ));
        }
        if !list.iter().any(|it| it == host) {
            list.push(host.to_owned());
        }
    }
    Ok(list)
}

/// `rtx4090, a100/80Gi/sxm`; empty for any.
fn parse_models(text: &str) -> Result<Vec<String>, String> {
    let mut list = Vec::new();
    for item in items(text) {
        if matches!(item, "any" | "*") {
            return Ok(Vec::new());
        }
        let lower = item.to_ascii_lowercase();
        let mut parts = lower.split('/');
        let model = parts.next().unwrap_or_default();
        let is_model = |it: &str| {
            !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
        };
        if !is_model(model) {
            return Err(format!(
                "`{item}` is no model; write for example `rtx4090`, without blanks"
            ));
        }
        for detail in parts {
            let is_ram = detail.strip_suffix("gi").is_some_and(|it| it.parse::<u16>().is_ok());
            if !is_ram && !matches!(detail, "pcie" | "sxm") {
                return Err(format!(
                    "`{detail}` in `{item}` is neither memory (`80Gi`) nor `pcie` nor `sxm`"
                ));
            }
        }
        list.push(lower.replace("gi", "Gi"));
    }
    match list.is_empty() {
        true => Err("name a model, or `any`".to_owned()),
        false => Ok(list),
    }
}

/// `NAME=value` words.
fn parse_pairs(text: &str, is_env: bool) -> Result<Vec<(String, String)>, String> {
    if text == NONE {
        return Ok(Vec::new());
    }
    let words = split_words(text).map_err(|it| format!("{it} in `{text}`"))?;
    let mut list: Vec<(String, String)> = Vec::new();
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            return Err(format!(
                "`{word}` has no `=`; write `NAME=value`, and quote values with blanks"
            ));
        };
        let is_start = |it: char| it.is_ascii_alphabetic() || it == '_';
        let is_inner = |it: char| is_start(it) || it.is_ascii_digit() || "-./".contains(it);
        let is_name = name.starts_with(is_start)
            && name.chars().all(is_inner)
            && !(is_env && name.contains('/'));
        if !is_name {
            return Err(format!(
                "`{name}` cannot be a name; letters, digits and `_`, no digit first"
            ));
        }
        if list.iter().any(|it| it.0 == name) {
            return Err(format!("`{name}` stands there twice"));
        }
        list.push((name.to_owned(), value.to_owned()));
    }
    Ok(list)
}

/// The template as far as the answers go, and what is wrong with them.
fn fill(answers: &Answers, base: &Template) -> (Template, Vec<Problem>) {
    let mut it = base.clone();
    let mut problems = Vec::new();
    let mut report =
        |key: &str, message: String| problems.push(Problem { key: key.to_owned(), message });
    macro_rules! take {
        ($key:literal, $default:expr, $read:expr, |$value:ident| $use:expr) => {
            match $read(answer(answers, $key, $default)) {
                Ok($value) => $use,
                Err(message) => report($key, message),
            }
        };
    }
    let text = |text: &str| -> Result<String, String> { Ok(text.to_owned()) };
    take!("name", &base.name, text, |value| it.name = value);
    let ports = render::ports_answer(&base.ports);
    take!("ports", &ports, parse_ports, |value| it.ports = value);
    take!("hosts", NONE, parse_hosts, |value| {
        if let Some(port) = it.ports.iter_mut().find(|it| it.audience == Audience::Web) {
            port.hosts = value;
        }
    });
    let size_name = answer(answers, "size", known_image(&base.image).map_or("small", |it| it.size));
    let size = images::size(size_name)
        .or_else(|| images::size("small"))
        .unwrap_or_else(|| base.size.clone());
    it.size = Size {
        cpu: answer(answers, "cpu", &size.cpu).to_owned(),
        memory: answer(answers, "memory", &size.memory).to_owned(),
        storage: answer(answers, "storage", &size.storage).to_owned(),
        gpu: None,
    };
    let cards = answer(answers, "gpu_units", if size_name == "gpu" { "1" } else { "0" });
    let units = cards.parse::<u32>().unwrap_or(0);
    if units > 0 {
        take!("gpu_model", "rtx4090", parse_models, |models| it.size.gpu =
            Some(Gpu { units, models }));
    }
    let mount =
        answer(answers, "volume", known_image(&base.image).and_then(|it| it.data).unwrap_or(NONE));
    let size = base.volumes.first().map_or("10Gi", |it| it.size.as_str());
    it.volumes = match mount {
        NONE => Vec::new(),
        mount => vec![Volume {
            name: "data".to_owned(),
            size: answer(answers, "volume_size", size).to_owned(),
            mount: mount.to_owned(),
            class: answer(answers, "volume_class", "beta2").to_owned(),
        }],
    };
    take!("env", NONE, |text| parse_pairs(text, true), |value| it.env = value);
    let directory =
        it.volumes.first().and_then(|volume| images::data_directory(&it.image, &volume.mount));
    if let Some((name, value)) =
        directory.filter(|wanted| !it.env.iter().any(|it| it.0 == wanted.0))
    {
        it.env.push((name.to_owned(), value.to_owned()));
    }
    it.replicas = answer(answers, "replicas", "1").parse().unwrap_or(1);
    it.denom = answer(answers, "denom", &base.denom).to_owned();
    match answer(answers, "region", "any") {
        "any" => {}
        region => {
            it.attributes.insert("region".to_owned(), region.to_owned());
        }
    }
    take!("attributes", NONE, |text| parse_pairs(text, false), |value| it.attributes.extend(value));
    let budget = super::estimate::for_template(&it).to_string();
    it.budget = Budget::PerMonth(answer(answers, "budget", &budget).to_owned());
    (it, problems)
}

pub(super) fn template(answers: &Answers) -> Result<Template, Vec<Problem>> {
    let mut problems: Vec<Problem> = Vec::new();
    let questions = all(answers);
    for question in &questions {
        let text = answers.get(question.key).map_or("", String::as_str);
        if let Err(message) = check(question, text) {
            problems.push(Problem { key: question.key.to_owned(), message });
        }
    }
    // What nobody asked: a misspelt key, or one that the other answers rule out.
    for key in answers.keys().filter(|key| !questions.iter().any(|it| it.key == key.as_str())) {
        // A volume that is switched off needs no size, and the like.
        const CONDITIONAL: [&str; 4] = ["hosts", "gpu_model", "volume_size", "volume_class"];
        let message = match CONDITIONAL.contains(&key.as_str()) {
            true => "the other answers leave no room for it".to_owned(),
            false => {
                let near = crate::suggest::nearest(key, questions.iter().map(|it| it.key));
                let near = near.map_or_else(String::new, |it| format!("; did you mean `{it}`?"));
                format!("there is no such question{near}")
            }
        };
        problems.push(Problem { key: key.clone(), message });
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let base = Template::new(answer(answers, "image", "nginx:1.28"));
    let (template, problems) = fill(answers, &base);
    match problems.is_empty() {
        true => Ok(template),
        false => Err(problems),
    }
}
