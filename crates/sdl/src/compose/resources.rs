//! What a Compose service may use: `deploy.resources`, `cpus`, `mem_limit`, `gpus`.

use super::model::Service;
use super::notes::Notes;
use super::value::Value;
use super::words;
use crate::template::{images, known_image};

// What the network allows for one replica (spec `sdl.md` 15).
const MOST_CPU_MILLI: u64 = 384_000;
const LEAST_CPU_MILLI: u64 = 10;
const MOST_MEMORY: u64 = 2 << 40;
const LEAST_MEMORY: u64 = 1 << 20;
const MOST_GPUS: u64 = 24;

/// CPU, memory, disk and cards, with defaults where the file says nothing.
pub(super) fn read(service: &mut Service, body: &Value, notes: &mut Notes<'_>) {
    let path = |key: &str| format!("services.{}.{key}", service.name);
    let resources = body.get("deploy").and_then(|it| it.get("resources"));
    let limit =
        |kind: &str, key: &str| resources.and_then(|it| it.get(kind)).and_then(|it| it.get(key));
    let suggestion = known_image(&service.image).map_or("small", |it| it.size);
    // The size of a GPU image is for its card; without one it is an application.
    let suggestion = if suggestion == "gpu" { "large" } else { suggestion };
    let size = images::size(suggestion);
    let default = |read: fn(&crate::template::Size) -> &str| {
        size.as_ref().map(read).unwrap_or_default().to_owned()
    };
    let cpu = limit("limits", "cpus")
        .or_else(|| body.get("cpus"))
        .or_else(|| limit("reservations", "cpus"));
    let memory = limit("limits", "memory")
        .or_else(|| body.get("mem_limit"))
        .or_else(|| limit("reservations", "memory"))
        .or_else(|| body.get("mem_reservation"));
    let cpu_default = crate::quantity::cpu(&default(|it| &it.cpu)).map_or(500, u64::from);
    let memory_default = crate::quantity::bytes(&default(|it| &it.memory)).unwrap_or(512 << 20);
    let mut chosen = Vec::new();
    service.cpu_milli = match cpu.map(|it| (it, it.text().and_then(words::milli_cpu))) {
        Some((value, Some(0) | None)) => {
            notes.lost(
                value.span,
                &path("deploy.resources"),
                format!("`{}` is no number of cores", value.text().unwrap_or_default()),
                "Write for example `\"0.5\"`.",
            );
            chosen.push("CPU");
            cpu_default
        }
        Some((value, Some(milli))) => bounded(
            milli,
            LEAST_CPU_MILLI,
            MOST_CPU_MILLI,
            |it| format!("{} cores", words::sdl_cpu(it)),
            value,
            &path("deploy.resources"),
            notes,
        ),
        None => {
            chosen.push("CPU");
            cpu_default
        }
    };
    service.memory_bytes = match memory.map(|it| (it, it.text().and_then(words::bytes))) {
        Some((value, Some(0) | None)) => {
            notes.lost(
                value.span,
                &path("deploy.resources"),
                format!("`{}` is no amount of memory", value.text().unwrap_or_default()),
                "Write for example `512M`.",
            );
            chosen.push("memory");
            memory_default
        }
        Some((value, Some(bytes))) => bounded(
            bytes,
            LEAST_MEMORY,
            MOST_MEMORY,
            |it| if it < LEAST_MEMORY { format!("{it} bytes") } else { words::sdl_bytes(it) },
            value,
            &path("deploy.resources"),
            notes,
        ),
        None => {
            chosen.push("memory");
            memory_default
        }
    };
    service.storage_bytes = crate::quantity::bytes(&default(|it| &it.storage)).unwrap_or(1 << 30);
    chosen.push("disk");
    if chosen.len() > 1 {
        let list =
            chosen.iter().filter(|it| **it != "disk").copied().collect::<Vec<_>>().join(" and ");
        let text = format!(
            "no limit for {list} in the file: {} CPU, {} of memory and {} of disk are ordered",
            words::sdl_cpu(service.cpu_milli),
            words::sdl_bytes(service.memory_bytes),
            words::sdl_bytes(service.storage_bytes)
        );
        notes.changed(
            service.span,
            &format!("services.{}", service.name),
            text,
            "Measure (`docker stats`) and adjust: you pay for what is ordered.",
        );
    }
    service.chosen = chosen;
    service.gpus = gpus(body, notes, &service.name);
}

fn bounded(
    value: u64,
    least: u64,
    most: u64,
    words: impl Fn(u64) -> String,
    at: &Value,
    path: &str,
    notes: &mut Notes<'_>,
) -> u64 {
    let kept = value.clamp(least, most);
    if kept != value {
        let text = format!(
            "{} is outside of what the network allows; {} is ordered",
            words(value),
            words(kept)
        );
        notes.changed(at.span, path, text, "");
    }
    kept
}

fn gpus(body: &Value, notes: &mut Notes<'_>, name: &str) -> u64 {
    let mut units = 0_u64;
    let device = |it: &Value, path: &str, notes: &mut Notes<'_>| -> u64 {
        let capabilities: Vec<&str> = it
            .get("capabilities")
            .map(Value::items)
            .unwrap_or_default()
            .iter()
            .flat_map(Value::items)
            .filter_map(Value::text)
            .collect();
        let driver = it.text_of("driver").unwrap_or("nvidia");
        let is_gpu = capabilities.contains(&"gpu") || driver == "nvidia" || it.text().is_some();
        if !is_gpu || !matches!(driver, "nvidia" | "cdi") {
            notes.lost(
                it.span,
                path,
                format!("devices of driver `{driver}` are not offered"),
                "NVIDIA cards can be ordered; see `gpu` in the documentation.",
            );
            return 0;
        }
        let ids =
            it.get("device_ids").map(|it| it.items().len()).and_then(|it| u64::try_from(it).ok());
        let count = it.text_of("count").or_else(|| it.text()).unwrap_or("1");
        let wanted = ids.or_else(|| count.parse().ok()).unwrap_or(1);
        if count == "all" && ids.is_none() {
            notes.changed(
                it.span,
                path,
                "all cards of the machine become one card",
                "Set `gpu.units` if it needs more.",
            );
        }
        notes.changed(
            it.span,
            path,
            "any NVIDIA card will do, because Compose names no model",
            "Name models (`nvidia: [{model: rtx4090}]`): any card may be priced as the dearest.",
        );
        wanted
    };
    let reserved =
        body.get("deploy").and_then(|it| it.get("resources")).and_then(|it| it.get("reservations"));
    if let Some(devices) = reserved.and_then(|it| it.get("devices")) {
        let path = format!("services.{name}.deploy.resources.reservations.devices");
        for it in devices.items() {
            units = units.saturating_add(device(it, &path, notes));
        }
    }
    if let Some(list) = body.get("gpus") {
        for it in list.items() {
            units = units.saturating_add(device(it, &format!("services.{name}.gpus"), notes));
        }
    }
    if let Some(runtime) = body.get("runtime") {
        let path = format!("services.{name}.runtime");
        match runtime.text() {
            Some("nvidia") if units == 0 => units = device(runtime, &path, notes),
            Some("nvidia") => {}
            _ => notes.lost(runtime.span, &path, "the provider chooses how containers are run", ""),
        }
    }
    if let Some(devices) = body.get("devices") {
        for it in devices.items() {
            let text = it.text().unwrap_or_default();
            match text.contains("nvidia") {
                true if units == 0 => units = 1,
                true => {}
                false => notes.lost(
                    it.span,
                    &format!("services.{name}.devices"),
                    format!("the device `{text}` is not there"),
                    "Only NVIDIA cards can be ordered.",
                ),
            }
        }
    }
    if units > MOST_GPUS {
        notes.changed(
            body.span,
            &format!("services.{name}"),
            format!("{units} cards become {MOST_GPUS}, the most that one replica may have"),
            "",
        );
    }
    units.min(MOST_GPUS)
}
