//! GPU requests in words: `vendor/nvidia/model/a100/ram/80Gi/interface/sxm` is `NVIDIA A100 (80 GiB, SXM)`.

use super::GpuExplained;
use super::words;
use crate::resources::Gpu;

/// The request in words; absent when no card is asked for.
pub(super) fn explain(gpu: &Gpu) -> Option<GpuExplained> {
    let units = gpu.units.0;
    if units == 0 {
        return None;
    }
    let keys: Vec<String> = gpu.attributes.iter().map(|it| it.key.clone()).collect();
    let models: Vec<String> = keys.iter().map(|it| model(it)).collect();
    let any_model = keys.iter().any(|it| is_wildcard(it));
    let count = match units {
        1 => String::new(),
        more => format!("{more} × "),
    };
    let words = format!("{count}{}", words::list(&models, "or"));
    Some(GpuExplained { units, models, any_model, keys, words })
}

/// Whether a request names no model.
pub(crate) fn is_wildcard(key: &str) -> bool {
    key.split('/')
        .skip_while(|it| *it != "model")
        .nth(1)
        .is_none_or(|it| it.is_empty() || it == "*")
}

/// One request in words. Segments this version does not know are kept as they are.
pub(crate) fn model(key: &str) -> String {
    let mut segments = key.split('/');
    let (mut vendor, mut name) = (String::new(), None);
    let mut details: Vec<String> = Vec::new();
    while let Some(label) = segments.next() {
        let value = segments.next().unwrap_or_default();
        match label {
            "vendor" => {
                vendor = match value {
                    "nvidia" => "NVIDIA".to_owned(),
                    "amd" => "AMD".to_owned(),
                    other => other.to_owned(),
                }
            }
            "model" => name = Some(value),
            "ram" => details.push(
                value.strip_suffix("Gi").map_or_else(|| value.to_owned(), |it| format!("{it} GiB")),
            ),
            "interface" => details.push(match value {
                "pcie" => "PCIe".to_owned(),
                "sxm" => "SXM".to_owned(),
                other => other.to_owned(),
            }),
            label => details.push(format!("{label} {value}").trim_end().to_owned()),
        }
    }
    let mut text = match name {
        None | Some("" | "*") => format!("any {vendor} card"),
        Some(name) => format!("{vendor} {}", model_name(name)),
    };
    if !details.is_empty() {
        text.push_str(&format!(" ({})", details.join(", ")));
    }
    text
}

/// `rtx4090` → `RTX 4090`, `gtx1080ti` → `GTX 1080 Ti`, `rtxa6000` → `RTX A6000`, `h100` → `H100`.
fn model_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    for (prefix, words) in
        [("rtx", "RTX"), ("gtx", "GTX"), ("gt", "GT"), ("quadro", "Quadro"), ("pro", "PRO")]
    {
        let Some(rest) = lower.strip_prefix(prefix) else { continue };
        let rest = rest.trim_start_matches('-');
        let is_number = rest.trim_start_matches(|it: char| it.is_ascii_lowercase());
        if is_number.is_empty() || !is_number.starts_with(|it: char| it.is_ascii_digit()) {
            continue;
        }
        let (digits, suffix) = rest
            .char_indices()
            .find(|(at, it)| {
                it.is_ascii_lowercase()
                    && rest.get(..*at).is_some_and(|it| it.bytes().any(|it| it.is_ascii_digit()))
            })
            .map_or((rest, ""), |(at, _)| rest.split_at(at));
        let suffix = match suffix {
            "" => String::new(),
            "ti" => " Ti".to_owned(),
            "super" => " Super".to_owned(),
            "tisuper" => " Ti Super".to_owned(),
            "ada" => " Ada".to_owned(),
            other => format!(" {}", other.trim_start_matches('-').to_ascii_uppercase()),
        };
        return format!("{words} {}{suffix}", digits.to_ascii_uppercase());
    }
    lower.to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_read_as_the_shop_spells_them() {
        for (key, words) in [
            ("vendor/nvidia/model/a100/ram/80Gi/interface/sxm", "NVIDIA A100 (80 GiB, SXM)"),
            ("vendor/nvidia/model/rtx4090", "NVIDIA RTX 4090"),
            ("vendor/nvidia/model/rtx3090ti", "NVIDIA RTX 3090 Ti"),
            ("vendor/nvidia/model/gtx1080ti", "NVIDIA GTX 1080 Ti"),
            ("vendor/nvidia/model/rtxa6000", "NVIDIA RTX A6000"),
            ("vendor/nvidia/model/pro6000se", "NVIDIA PRO 6000 SE"),
            ("vendor/nvidia/model/t4/interface/pcie", "NVIDIA T4 (PCIe)"),
            ("vendor/nvidia/model/*", "any NVIDIA card"),
            ("vendor/nvidia/model//ram/24Gi", "any NVIDIA card (24 GiB)"),
            ("vendor/nvidia/model/a100-80gb", "NVIDIA A100-80GB"),
            ("vendor/nvidia/model/h100/interconnect/group", "NVIDIA H100 (interconnect group)"),
        ] {
            assert_eq!(model(key), words);
        }
    }
}
