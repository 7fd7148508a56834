//! The template as the text of a deployment file, commented for a first reader.

use super::scalar::{comment, scalar};
use super::{Audience, Budget, Port, Problem, Proto, Template, Volume, known_image};
use crate::explain::cost;
use crate::quantity::{Price, PriceError};
use std::fmt::Write;
use types::{Dec, Int};

/// The ports in the form of an answer: `80/http, 22/tcp`.
pub(super) fn ports_answer(ports: &[Port]) -> String {
    let words = ports.iter().map(|it| {
        let kind = match (it.audience, it.proto) {
            (Audience::Web, _) => "http",
            (Audience::World, Proto::Tcp) => "tcp",
            (Audience::World, Proto::Udp) => "udp",
            (Audience::Internal, _) => "internal",
        };
        format!("{}/{kind}", it.port)
    });
    words.collect::<Vec<_>>().join(", ")
}

/// A budget in whole units as micro units.
pub(super) fn budget_micro(text: &str) -> Result<Dec, String> {
    let bad = || format!("`{text}` is no amount of money; write for example `10` or `2.50`");
    let price = Price::parse(text.trim()).map_err(|it| match it {
        PriceError::Zero => "nothing runs for nothing; name an amount above zero".to_owned(),
        PriceError::Negative | PriceError::Syntax(_) => bad(),
    })?;
    let dec = Dec::from_wire(&price.atto().to_string()).map_err(|_| bad())?;
    dec.mul_int(Int::from(1_000_000_u64)).map_err(|_| bad())
}

fn problem(key: &str, message: impl Into<String>) -> Problem {
    Problem { key: key.to_owned(), message: message.into() }
}

/// Rounded down to two digits after the point, to six where that would be nothing much.
pub(super) fn price_per_block(it: &Template) -> Result<Price, Problem> {
    let text = match &it.budget {
        Budget::PerBlock(text) => text.clone(),
        Budget::PerMonth(text) => {
            let micro = budget_micro(text).map_err(|message| problem("budget", message))?;
            let price =
                |digits| cost::price_for_budget(micro, it.replicas, it.block_time_ms, digits);
            let coarse = price(2).map_err(|_| problem("budget", "the amount is too large"))?;
            let is_fine = coarse >= Dec::ONE;
            let exact = if is_fine { Ok(coarse) } else { price(6) };
            exact.map_err(|_| problem("budget", "the amount is too large"))?.to_string()
        }
    };
    match Price::parse(text.trim()) {
        Ok(price) if price.atto() > Price::ONE.saturating_mul(10_000_000) => Err(problem(
            "budget",
            "one replica may cost at most 10,000,000 micro units a block; lower the budget or raise the replicas",
        )),
        Ok(price) => Ok(price),
        Err(PriceError::Zero) => Err(problem(
            "budget",
            "it is too small to come to anything per block; raise it or lower the replicas",
        )),
        Err(_) => Err(problem("budget", format!("`{text}` is no amount"))),
    }
}

pub(super) fn render(it: &Template) -> Result<String, Vec<Problem>> {
    let price = price_per_block(it).map_err(|it| vec![it])?;
    let mut out = String::new();
    head(&mut out, it);
    service(&mut out, it);
    profiles(&mut out, it, price);
    let name = scalar(&it.name);
    out.push_str("\n# What runs where, and how often.\ndeployment:\n");
    let placement = scalar(&it.placement);
    let _ = write!(
        out,
        "  {name}:\n    {placement}:\n      profile: {name}\n      count: {}\n",
        it.replicas
    );
    match crate::compile(&out) {
        Ok(_) => Ok(out),
        Err(diagnostics) => Err(diagnostics
            .iter()
            .map(|it| problem(key_of(it.rule.code()), it.message.clone()))
            .collect()),
    }
}

/// The question that is to blame for a broken rule.
fn key_of(code: &str) -> &'static str {
    let keys = [
        ("sdl::service::name", "name"),
        ("sdl::service::image", "image"),
        ("sdl::service::env", "env"),
        ("sdl::service::mount", "volume"),
        ("sdl::expose", "ports"),
        ("sdl::pricing", "budget"),
        ("sdl::gpu", "gpu_model"),
        ("sdl::storage", "volume"),
        ("sdl::quantity", "size"),
        ("sdl::limit", "size"),
    ];
    keys.iter().find(|it| code.starts_with(it.0)).map_or("template", |it| it.1)
}

fn head(out: &mut String, it: &Template) {
    let what = known_image(&it.image).map_or_else(String::new, |it| format!(", {}", it.what));
    comment(out, 0, &format!("Runs {}{what}.", it.image.replace('\n', " ")));
    comment(
        out,
        0,
        "Check it with `haggle sdl check`, see what it orders with `haggle sdl explain`, run it with `haggle deploy`.",
    );
    out.push_str("version: \"2.0\"\n\n# What runs.\nservices:\n");
}

fn service(out: &mut String, it: &Template) {
    let _ = writeln!(out, "  {}:\n    image: {}", scalar(&it.name), scalar(&it.image));
    list(out, "command", "Instead of the image's entry point.", &it.command);
    list(out, "args", "Instead of the image's arguments.", &it.args);
    env(out, it);
    out.push_str("    # Ports it listens on, and who may connect.\n    expose:\n");
    for port in &it.ports {
        expose(out, port, &it.name);
    }
    let volumes: Vec<&Volume> = it.volumes.iter().collect();
    if !volumes.is_empty() {
        comment(out, 4, "Where the volumes below appear in the container.");
        out.push_str("    params:\n      storage:\n");
        for volume in volumes {
            let _ = writeln!(
                out,
                "        {}:\n          mount: {}",
                scalar(&volume.name),
                scalar(&volume.mount)
            );
        }
    }
}

fn list(out: &mut String, key: &str, why: &str, words: &[String]) {
    if words.is_empty() {
        return;
    }
    comment(out, 4, why);
    let _ = writeln!(out, "    {key}:");
    for word in words {
        let _ = writeln!(out, "      - {}", scalar(word));
    }
}

fn env(out: &mut String, it: &Template) {
    let given = |name: &str| it.env.iter().any(|it| it.0 == name);
    let needs: Vec<_> = known_image(&it.image)
        .into_iter()
        .flat_map(|it| it.needs)
        .filter(|it| !given(it.0))
        .collect();
    if it.env.is_empty() && needs.is_empty() {
        return;
    }
    if !it.env.is_empty() {
        comment(out, 4, "The provider can read these.");
        out.push_str("    env:\n");
        for (name, value) in &it.env {
            let _ = writeln!(out, "      - {}", scalar(&format!("{name}={value}")));
        }
    }
    if !needs.is_empty() {
        comment(
            out,
            4,
            "It does not start without these; remove `# ` and fill them in. The provider can read them.",
        );
        if it.env.is_empty() {
            out.push_str("    # env:\n");
        }
        for (name, what) in needs {
            let _ = writeln!(out, "    #   - {name}=({what})");
        }
    }
}

fn expose(out: &mut String, port: &Port, name: &str) {
    match port.audience {
        Audience::Web => {
            comment(
                out,
                6,
                "Outside port 80 means HTTP: reached by host name on ports 80 and 443, with the provider's certificate.",
            );
            let _ = writeln!(out, "      - port: {}\n        as: 80", port.port);
            if !port.hosts.is_empty() {
                comment(
                    out,
                    8,
                    "Your own names; point their DNS at the provider. It makes one of its own besides.",
                );
                out.push_str("        accept:\n");
                for host in &port.hosts {
                    let _ = writeln!(out, "          - {}", scalar(host));
                }
            }
            out.push_str("        to:\n          - global: true\n");
        }
        Audience::World => {
            comment(
                out,
                6,
                &format!(
                    "Open to the world on a port that the provider picks, not {}. Protect it with a password.",
                    port.port
                ),
            );
            let _ = writeln!(out, "      - port: {}", port.port);
            if port.proto == Proto::Udp {
                out.push_str("        proto: udp\n");
            }
            out.push_str("        to:\n          - global: true\n");
        }
        Audience::Internal => {
            comment(
                out,
                6,
                &format!("Only for services of this deployment, at `{name}:{}`.", port.port),
            );
            let _ = writeln!(out, "      - port: {}", port.port);
            if port.proto == Proto::Udp {
                out.push_str("        proto: udp\n");
            }
            let _ = writeln!(out, "        to:\n          - service: {}", scalar(name));
        }
    }
}

fn profiles(out: &mut String, it: &Template, price: Price) {
    let name = scalar(&it.name);
    out.push_str("\nprofiles:\n  # What one replica gets.\n  compute:\n");
    let _ = writeln!(out, "    {name}:\n      resources:");
    let _ = writeln!(out, "        cpu:\n          units: {}", it.size.cpu);
    let _ = writeln!(out, "        memory:\n          size: {}", scalar_size(&it.size.memory));
    if let Some(gpu) = &it.size.gpu {
        let _ = writeln!(out, "        gpu:\n          units: {}", gpu.units);
        out.push_str("          attributes:\n            vendor:\n");
        match gpu.models.is_empty() {
            true => {
                comment(
                    out,
                    14,
                    "Any card; name models (`- model: rtx4090`) to know what you pay for.",
                );
                out.push_str("              nvidia: []\n");
            }
            false => out.push_str("              nvidia:\n"),
        }
        for model in &gpu.models {
            let mut parts = model.split('/');
            let _ = writeln!(
                out,
                "                - model: {}",
                scalar(parts.next().unwrap_or_default())
            );
            for part in parts {
                let key = if part.ends_with("Gi") { "ram" } else { "interface" };
                let _ = writeln!(out, "                  {key}: {part}");
            }
        }
    }
    out.push_str("        storage:\n          # Emptied on each restart.\n");
    let _ = writeln!(out, "          - size: {}", scalar_size(&it.size.storage));
    for volume in &it.volumes {
        comment(
            out,
            10,
            "Kept across restarts and updates, until the deployment is closed. Its size is fixed.",
        );
        let _ = writeln!(out, "          - name: {}", scalar(&volume.name));
        let _ = writeln!(out, "            size: {}", scalar_size(&volume.size));
        let _ = writeln!(
            out,
            "            attributes:\n              persistent: true\n              class: {}",
            volume.class
        );
    }
    out.push_str("  # Who may run it, and for how much.\n  placement:\n");
    let _ = writeln!(out, "    {}:", scalar(&it.placement));
    if !it.attributes.is_empty() {
        comment(out, 6, "Only providers that say this of themselves.");
        out.push_str("      attributes:\n");
        for (key, value) in &it.attributes {
            let _ = writeln!(out, "        {}: {}", scalar(key), scalar(value));
        }
    }
    if !it.signed_by_any.is_empty() {
        comment(out, 6, "Only providers whose attributes one of these auditors has signed.");
        out.push_str("      signedBy:\n        anyOf:\n");
        for auditor in &it.signed_by_any {
            let _ = writeln!(out, "          - {}", scalar(auditor));
        }
    }
    out.push_str("      pricing:\n");
    let _ = writeln!(out, "        {name}:");
    comment(out, 10, &price_words(it, price));
    let _ = writeln!(out, "          denom: {}", scalar(&it.denom));
    let _ = writeln!(out, "          amount: {}", cost::plain(&price.to_string()));
}

/// Sizes are texts; one without unit would be read as a number by others.
fn scalar_size(text: &str) -> String {
    match text.bytes().all(|it| it.is_ascii_digit()) {
        true => format!("\"{text}\""),
        false => text.to_owned(),
    }
}

fn price_words(it: &Template, price: Price) -> String {
    let month = cost::per_month_round_up(price.times(it.replicas), it.block_time_ms);
    let month = month.map_or_else(String::new, |month| {
        format!(" All replicas together come to at most {} a month.", cost::whole(month, &it.denom))
    });
    let budget = match &it.budget {
        Budget::PerMonth(text) => {
            let symbol = cost::symbol(&it.denom).unwrap_or(&it.denom);
            format!(" From a budget of {} {symbol} a month.", text.trim())
        }
        Budget::PerBlock(_) => String::new(),
    };
    format!("The most that one replica may cost per block.{month}{budget}")
}
