//! Services as the text of a deployment file.

use super::Options;
use super::model::Service;
use super::words;
use crate::explain::cost;
use crate::quantity::Price;
use crate::template::estimate::{Wanted, milli_usd_per_month};
use crate::template::scalar::{comment, scalar};
use std::fmt::Write;
use types::{Dec, Int};

/// Class of persistent volumes: SSD, which most providers have.
const CLASS: &str = "beta2";
const PLACEMENT: &str = "anywhere";
/// More services than anybody reads in a `to`.
const MOST_CALLERS: usize = 20;

pub(super) fn render(services: &[Service], options: &Options) -> String {
    let mut out = String::new();
    comment(
        &mut out,
        0,
        "Made from a Docker Compose file. Read what could not be carried over before you deploy it.",
    );
    comment(
        &mut out,
        0,
        "Check it with `haggle sdl check`, see what it orders with `haggle sdl explain`.",
    );
    out.push_str("version: \"2.0\"\n\nservices:\n");
    for (index, it) in services.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        service(&mut out, it, services);
    }
    out.push_str("\nprofiles:\n  # What one replica of each service gets.\n  compute:\n");
    for it in services {
        compute(&mut out, it);
    }
    out.push_str(
        "  # Who may run it, and the most that one replica may cost per block.\n  placement:\n",
    );
    let denom = options.denom.as_deref().unwrap_or(cost::CHAIN_DENOM);
    let _ = writeln!(out, "    {PLACEMENT}:\n      pricing:");
    for (it, price) in services.iter().zip(prices(services, options)) {
        let _ = writeln!(out, "        {}:", scalar(&it.sdl_name));
        let month = cost::per_month_round_up(price.times(it.count), crate::explain::BLOCK_TIME_MS);
        if let Some(month) = month {
            comment(&mut out, 10, &format!("At most {} a month.", cost::whole(month, denom)));
        }
        let amount = cost::plain(&price.to_string());
        let _ = writeln!(out, "          denom: {}\n          amount: {amount}", scalar(denom));
    }
    out.push_str("\ndeployment:\n");
    for it in services {
        let name = scalar(&it.sdl_name);
        let _ = writeln!(
            out,
            "  {name}:\n    {PLACEMENT}:\n      profile: {name}\n      count: {}",
            it.count
        );
    }
    out
}

fn service(out: &mut String, it: &Service, all: &[Service]) {
    let _ = writeln!(out, "  {}:", scalar(&it.sdl_name));
    if let Some(text) = &it.image_comment {
        comment(out, 4, text);
    }
    let _ = writeln!(out, "    image: {}", scalar(&it.image));
    for (key, words) in [("command", &it.command), ("args", &it.args)] {
        let Some(words) = words else { continue };
        let _ = writeln!(out, "    {key}:");
        for word in words {
            let _ = writeln!(out, "      - {}", scalar(word));
        }
    }
    if !it.env.is_empty() {
        out.push_str("    env:\n");
        for (name, value) in &it.env {
            let _ = writeln!(out, "      - {}", scalar(&format!("{name}={value}")));
        }
    }
    if !it.published.is_empty() || !it.internal.is_empty() {
        out.push_str("    expose:\n");
    }
    for port in &it.published {
        match port.is_http {
            true => {
                comment(out, 6, "HTTP, by host name on ports 80 and 443.");
                let _ = writeln!(out, "      - port: {}\n        as: 80", port.port);
                if !it.hosts.is_empty() {
                    out.push_str("        accept:\n");
                    for host in &it.hosts {
                        let _ = writeln!(out, "          - {}", scalar(host));
                    }
                }
            }
            false => {
                comment(out, 6, "Open to the world on a port that the provider picks.");
                let _ = writeln!(out, "      - port: {}", port.port);
                if port.port == 80 && !port.is_udp {
                    // Outside port 80 would mean HTTP.
                    let outside = port.outside.filter(|it| *it != 80).unwrap_or(8080);
                    let _ = writeln!(out, "        as: {outside}");
                }
                if port.is_udp {
                    out.push_str("        proto: udp\n");
                }
            }
        }
        out.push_str("        to:\n          - global: true\n");
    }
    for (port, is_udp) in &it.internal {
        let mut callers: Vec<&str> = all
            .iter()
            .filter(|other| other.depends.contains(&it.name))
            .map(|it| it.sdl_name.as_str())
            .collect();
        if callers.is_empty() {
            callers = all
                .iter()
                .filter(|other| other.name != it.name)
                .map(|it| it.sdl_name.as_str())
                .collect();
        }
        callers.retain(|caller| *caller != it.sdl_name);
        // Who stands here restricts nobody; a long list would say no more.
        callers.truncate(MOST_CALLERS);
        comment(out, 6, &format!("Inside: `{}:{port}`.", it.sdl_name));
        let _ = writeln!(out, "      - port: {port}");
        if *is_udp {
            out.push_str("        proto: udp\n");
        }
        out.push_str("        to:\n");
        for caller in callers {
            let _ = writeln!(out, "          - service: {}", scalar(caller));
        }
    }
    if !it.volumes.is_empty() {
        out.push_str("    params:\n      storage:\n");
        for volume in &it.volumes {
            let _ = writeln!(
                out,
                "        {}:\n          mount: {}",
                scalar(&volume.name),
                scalar(&volume.mount)
            );
            if volume.read_only {
                out.push_str("          readOnly: true\n");
            }
        }
    }
}

fn compute(out: &mut String, it: &Service) {
    let _ = writeln!(out, "    {}:\n      resources:", scalar(&it.sdl_name));
    let is_chosen = |what: &str| it.chosen.contains(&what);
    let chosen = "Not in the Compose file; measure and adjust.";
    out.push_str("        cpu:\n");
    if is_chosen("CPU") {
        comment(out, 10, chosen);
    }
    let _ = writeln!(out, "          units: {}", words::sdl_cpu(it.cpu_milli));
    if let Some(arch) = &it.arch {
        let _ = writeln!(out, "          attributes:\n            arch: {}", scalar(arch));
    }
    out.push_str("        memory:\n");
    if is_chosen("memory") {
        comment(out, 10, chosen);
    }
    let _ = writeln!(out, "          size: {}", words::sdl_bytes(it.memory_bytes));
    if it.gpus > 0 {
        let _ = writeln!(
            out,
            "        gpu:\n          units: {}\n          attributes:\n            vendor:",
            it.gpus
        );
        comment(out, 14, "Any card; name models (`- model: rtx4090`) to know what you pay for.");
        out.push_str("              nvidia: []\n");
    }
    out.push_str("        storage:\n");
    comment(out, 10, "The container's own disk, emptied on each restart.");
    let _ = writeln!(out, "          - size: {}", words::sdl_bytes(it.storage_bytes));
    for volume in &it.volumes {
        let _ = writeln!(
            out,
            "          - name: {}\n            size: {}",
            scalar(&volume.name),
            words::sdl_bytes(volume.bytes)
        );
        out.push_str("            attributes:\n");
        match volume.is_ram {
            true => out.push_str("              persistent: false\n              class: ram\n"),
            false => {
                let _ =
                    writeln!(out, "              persistent: true\n              class: {CLASS}");
            }
        }
    }
}

fn wanted(it: &Service) -> Wanted {
    let volumes = |is_ram: bool| {
        it.volumes
            .iter()
            .filter(|it| it.is_ram == is_ram)
            .fold(0_u64, |sum, it| sum.saturating_add(it.bytes))
    };
    Wanted {
        cpu_milli: it.cpu_milli,
        memory_bytes: it.memory_bytes.saturating_add(volumes(true)),
        ephemeral_bytes: it.storage_bytes,
        persistent_bytes: volumes(false),
        endpoints: u64::try_from(it.published.len()).unwrap_or(u64::MAX),
        gpus: it.gpus,
    }
}

/// Price of one replica of each service: its share of the budget, or twice what such resources usually cost.
fn prices(services: &[Service], options: &Options) -> Vec<Price> {
    let estimate = |it: &Service| milli_usd_per_month(wanted(it)).max(1);
    let total: u64 = services
        .iter()
        .fold(0, |sum, it| sum.saturating_add(estimate(it).saturating_mul(u64::from(it.count))));
    let budget = budget(options);
    let block = crate::explain::BLOCK_TIME_MS;
    services
        .iter()
        .map(|it| {
            // The share is rounded down, so that all together stay within the budget.
            let micro = match budget {
                Some(budget) => budget
                    .mul_int(Int::from(estimate(it).saturating_mul(u64::from(it.count))))
                    .and_then(|it| it.quo_int(Int::from(total.max(1)))),
                None => Dec::from(estimate(it))
                    .mul_int(Int::from(2_000_u64.saturating_mul(u64::from(it.count)))),
            };
            let digits = if budget.is_some() { 6 } else { 2 };
            let price =
                micro.and_then(|micro| cost::price_for_budget(micro, it.count, block, digits));
            let price = price.ok().and_then(|it| Price::parse(&it.to_string()).ok());
            // A budget of next to nothing still has to be a price.
            let least = Price::from_atto(Price::ONE / 1_000_000);
            let most = Price::from_atto(Price::ONE.saturating_mul(10_000_000));
            price.unwrap_or(least).min(most)
        })
        .collect()
}

fn budget(options: &Options) -> Option<Dec> {
    let price = Price::parse(options.budget_per_month.as_deref()?.trim()).ok()?;
    Dec::from_wire(&price.atto().to_string()).ok()?.mul_int(Int::from(1_000_000_u64)).ok()
}

/// Whether the options' budget can be read.
pub(super) fn is_budget(text: &str) -> bool {
    Price::parse(text.trim()).is_ok()
}
