//! Numbers as people say them.

/// `0.5 CPU`, `2 CPU`.
pub(crate) fn cpu(milli: u128) -> String {
    let fraction = format!("{:03}", milli % 1000);
    let fraction = fraction.trim_end_matches('0');
    let whole = super::cost::grouped(&(milli / 1000).to_string());
    match fraction {
        "" => format!("{whole} CPU"),
        _ => format!("{whole}.{fraction} CPU"),
    }
}

const BINARY: [(&str, u128); 6] = [
    ("EiB", 1 << 60),
    ("PiB", 1 << 50),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];
const DECIMAL: [(&str, u128); 4] =
    [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];

/// `512 MiB`, `1 GB`, `1.5 GiB`; what no unit divides is rounded down and marked: `about 1.52 GiB`.
pub(crate) fn bytes(value: u128) -> String {
    let exact = |units: &[(&'static str, u128)]| {
        // Halves, quarters and eighths are as readable as whole numbers.
        let (unit, size) = *units.iter().find(|(_, size)| value >= *size)?;
        let thousandths = value.checked_mul(1000)?;
        thousandths.is_multiple_of(size).then(|| in_thousandths(thousandths / size, unit))
    };
    if let Some(text) = exact(&BINARY).or_else(|| exact(&DECIMAL)) {
        return text;
    }
    let whole = |units: &[(&'static str, u128)]| {
        let (unit, size) =
            *units.iter().find(|(_, size)| value >= *size && value.is_multiple_of(*size))?;
        (value / size < 100_000).then(|| in_thousandths(value / size * 1000, unit))
    };
    if let Some(text) = whole(&BINARY).or_else(|| whole(&DECIMAL)) {
        return text;
    }
    match BINARY.iter().find(|(_, size)| value >= *size) {
        Some((unit, size)) => {
            format!("about {}", in_thousandths(value.saturating_mul(100) / size * 10, unit))
        }
        None => format!("{value} bytes"),
    }
}

fn in_thousandths(thousandths: u128, unit: &str) -> String {
    let fraction = format!("{:03}", thousandths % 1000);
    let fraction = fraction.trim_end_matches('0');
    let whole = super::cost::grouped(&(thousandths / 1000).to_string());
    match fraction {
        "" => format!("{whole} {unit}"),
        _ => format!("{whole}.{fraction} {unit}"),
    }
}

/// `3 days 4 hours`, rounded down to the second of the two largest units.
pub(crate) fn duration_ms(ms: u128) -> String {
    const UNITS: [(&str, u128); 5] = [
        ("year", 31_557_600_000),
        ("day", 86_400_000),
        ("hour", 3_600_000),
        ("minute", 60_000),
        ("second", 1_000),
    ];
    let mut rest = ms;
    let mut parts: Vec<String> = Vec::new();
    for (unit, size) in UNITS {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            parts.push(plural(count, unit));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    match parts.is_empty() {
        true => "less than a second".to_owned(),
        false => parts.join(" "),
    }
}

/// `1 replica`, `2 replicas`.
pub(crate) fn plural(count: u128, noun: &str) -> String {
    let number = super::cost::grouped(&count.to_string());
    if count == 1 {
        return format!("{number} {noun}");
    }
    // `copy` is the only irregular one in use.
    match noun.strip_suffix('y') {
        Some(stem) if !noun.ends_with("ay") => format!("{number} {stem}ies"),
        _ if noun.ends_with("ss") => format!("{number} {noun}es"),
        _ => format!("{number} {noun}s"),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list<S: AsRef<str>>(items: &[S], last: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [before @ .., end] => {
            let before: Vec<&str> = before.iter().map(AsRef::as_ref).collect();
            format!("{} {last} {}", before.join(", "), end.as_ref())
        }
    }
}

/// What a storage class is (spec `provider.md` 3.5).
pub(crate) fn storage_class(class: &str) -> &'static str {
    match class {
        "ephemeral" => "ephemeral disk",
        "ram" => "memory disk",
        "beta1" => "persistent HDD",
        "beta2" => "persistent SSD",
        "beta3" => "persistent NVMe",
        _ => "persistent disk",
    }
}

/// The class as totals and prices count it: a volume that is not persistent is ephemeral or `ram`.
pub(crate) fn class_of(volume: &crate::resources::Volume) -> String {
    match (volume.is_persistent(), volume.attribute("class")) {
        (true, class) => class.unwrap_or("default").to_owned(),
        (false, Some("ram")) => "ram".to_owned(),
        (false, _) => "ephemeral".to_owned(),
    }
}

/// Text broken at spaces to lines of so many columns, each after the first with an indent.
pub(crate) fn wrap(out: &mut String, first: &str, indent: usize, text: &str, width: usize) {
    let mut column = first.chars().count();
    let start = column;
    out.push_str(first);
    let mut at_start = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !at_start && column + 1 + length > width.max(indent + 10) {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if !at_start {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        at_start = false;
    }
    if at_start && start > 0 {
        let trimmed = out.trim_end_matches(' ').len();
        out.truncate(trimmed);
    }
    out.push('\n');
}

/// A word fit to stand in a shell command or a line of output: quoted when it has to be.
pub(crate) fn shell_word(word: &str) -> String {
    let is_plain = |it: char| it.is_alphanumeric() || "-_./:=@%+,".contains(it);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let mut out = String::from("'");
    for it in word.chars() {
        match it {
            '\'' => out.push_str("'\\''"),
            '\n' => out.push_str("\\n"),
            it if it.is_control() => out.extend(it.escape_default()),
            it => out.push(it),
        }
    }
    out.push('\'');
    out
}
