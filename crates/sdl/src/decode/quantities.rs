//! What to write instead of a quantity or a model of GPU that cannot be read.
//!
//! Called by `resources`.

use crate::diagnostics::{Diagnostic, Span};
use crate::quantity::{self, QuantityError};
use crate::rules::Rule;
use crate::suggest;

/// A text as a sentence of its own.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |it| it.to_uppercase().chain(chars).collect())
}

/// What a malformed model of a GPU was probably meant to be.
pub(super) fn model_hint(model: &str, rest: &str) -> String {
    if model == "*" && rest != "*" {
        return "`*` stands for every model and takes no `ram` or `interface`; name the models"
            .into();
    }
    let plain: String = model
        .chars()
        .filter(|it| it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-'))
        .map(|it| it.to_ascii_lowercase())
        .collect();
    let plain = plain.trim_start_matches("nvidia").trim_start_matches("geforce");
    let plain = plain.trim_start_matches(['-', '_', '.']);
    let known = crate::lint::gpu_models();
    let with_prefix = format!("rtx{}", plain.replace(['-', '_'], ""));
    let near = known
        .iter()
        .find(|it| **it == with_prefix)
        .copied()
        .or_else(|| suggest::nearest(plain, known.iter().copied()));
    if let Some(near) = near {
        return format!("did you mean `{near}`?");
    }
    match plain.is_empty() {
        true => "use letters, digits, `-`, `_` and `.` in a model; `*` only alone".to_owned(),
        false => {
            format!("did you mean `{plain}`? Models have letters, digits, `-`, `_` and `.` only")
        }
    }
}

pub(super) fn quantity_error(
    what: &str,
    text: &str,
    span: Span,
    error: &QuantityError,
) -> Diagnostic {
    let hint = match error {
        QuantityError::Negative => "write a positive number".to_owned(),
        QuantityError::TooLarge => "write a smaller number".to_owned(),
        _ if what.contains("cores") => cores_hint(text),
        _ if what.contains("GPUs") => count_hint(text),
        _ if what.contains("GPU's") => size_hint(text, true),
        _ => size_hint(text, false),
    };
    let message = match error {
        QuantityError::Negative => format!("{what} is negative: `{text}`"),
        QuantityError::TooLarge | QuantityError::FloatRange(_) | QuantityError::UintRange(_) => {
            format!("{what} is too large: `{text}`")
        }
        _ if text.is_empty() => format!("{what} is empty"),
        _ => match unit_of(text) {
            Some((number, unit)) if number.len() + unit.len() < text.len() => {
                format!("{what} has a space in it: `{text}`")
            }
            Some((_, unit)) if !unit.is_empty() && !what.contains("GPUs") => {
                format!("{what} has a unit that does not exist: `{unit}`")
            }
            _ => format!("{what} cannot be read: `{text}`"),
        },
    };
    Diagnostic::new(Rule::Quantity, span, message).hint(hint).reference(error.reference())
}

/// A number and the letters behind it.
fn unit_of(text: &str) -> Option<(&str, &str)> {
    let end = text.trim_end_matches(|it: char| it.is_alphabetic() || it == '%').len();
    let (number, unit) = (text.get(..end)?.trim(), text.get(end..)?);
    let is_number = !number.is_empty() && number.parse::<f64>().is_ok();
    is_number.then_some((number, unit))
}

fn cores_hint(text: &str) -> String {
    const GENERAL: &str = "write cores like `0.5`, or thousandths like `500m`";
    let Some((number, unit)) = unit_of(text) else {
        let point = text.replace(',', ".");
        return match point.parse::<f64>() {
            Ok(_) if point != text => format!("did you mean `{point}`?"),
            _ => GENERAL.to_owned(),
        };
    };
    match unit.to_ascii_lowercase().as_str() {
        "m" if number.contains('.') => format!(
            "thousandths are whole: write `{}`, or cores without `m`",
            number.split('.').next().unwrap_or_default().to_owned() + "m"
        ),
        "m" => format!("did you mean `{number}m`?"),
        "c" | "core" | "cores" | "cpu" | "cpus" | "vcpu" | "vcpus" => {
            format!("write `{number}`: a plain number counts cores")
        }
        "mc" | "milli" | "millicpu" | "millicores" => format!("did you mean `{number}m`?"),
        _ => GENERAL.to_owned(),
    }
}

fn count_hint(text: &str) -> String {
    let whole = text.split('.').next().unwrap_or_default();
    let is_whole = text.split_once('.').is_some_and(|it| it.1.bytes().all(|it| it == b'0'));
    match is_whole && quantity::uint(whole).is_ok() {
        true => format!("GPUs come whole: write `{whole}`"),
        false => match unit_of(text) {
            Some((number, _)) if quantity::uint(number).is_ok() => format!("write `{number}`"),
            _ => "write a whole number like `1`".to_owned(),
        },
    }
}

/// What a size with a wrong suffix probably means. The memory of a GPU takes only binary suffixes.
fn size_hint(text: &str, is_binary_only: bool) -> String {
    let suffixes = match is_binary_only {
        true => "Ki Mi Gi Ti Pi Ei",
        false => quantity::SIZE_SUFFIXES,
    };
    let general = || format!("write a size like `512Mi`; the suffixes are {suffixes}");
    let Some((number, unit)) = unit_of(text) else {
        let point = text.replace(',', ".");
        let end = point.trim_end_matches(|it: char| it.is_ascii_alphabetic()).len();
        let is_number = point.get(..end).is_some_and(|it| it.parse::<f64>().is_ok());
        return match point != text && is_number {
            true => format!("did you mean `{point}`?"),
            false => general(),
        };
    };
    let lower = unit.to_ascii_lowercase();
    let power = |letter: char| match letter {
        'k' => Some(("k", "Ki", "1000", "1024")),
        'm' => Some(("M", "Mi", "1000²", "1024²")),
        'g' => Some(("G", "Gi", "1000³", "1024³")),
        't' => Some(("T", "Ti", "1000⁴", "1024⁴")),
        'p' => Some(("P", "Pi", "1000⁵", "1024⁵")),
        _ => None,
    };
    let Some((decimal, binary, thousands, kibis)) = lower.chars().next().and_then(power) else {
        return match lower.as_str() {
            "" => format!("did you mean `{number}`, without the space?"),
            "b" | "byte" | "bytes" => format!("write `{number}`: a plain number counts bytes"),
            _ => general(),
        };
    };
    match lower.get(1..).unwrap_or_default() {
        "i" | "ib" => format!("did you mean `{number}{binary}`?"),
        "" | "b" | "bit" | "bytes" if is_binary_only => format!("did you mean `{number}{binary}`?"),
        "" | "b" if lower == unit && unit == decimal => {
            format!("did you mean `{number}{decimal}`, without the space?")
        }
        "" | "b" => format!(
            "did you mean `{number}{binary}` (times {kibis})? `{number}{decimal}` is times {thousands}"
        ),
        _ => general(),
    }
}
