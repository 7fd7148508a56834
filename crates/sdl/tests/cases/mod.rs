//! Files that try to cost more than they are worth: wide, deep, multiplied, broken in every line.
//!
//! Called by `tests/hostile.rs`, which bounds the work that each causes, and by `benches/hostile.rs`, which
//! bounds time and memory.

use std::fmt::Write as _;

const SAMPLE: &str = include_str!("../../benches/sample.yaml");

/// Just below the largest file that is read.
const MEGABYTE: usize = (1 << 20) - 64;

/// Every case by its name.
#[must_use]
pub(crate) fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let mut cases = bytes();
    cases.extend(texts().into_iter().map(|(name, text)| (name, text.into_bytes())));
    cases
}

/// Files that are no text, or not quite.
fn bytes() -> Vec<(&'static str, Vec<u8>)> {
    let mut late = SAMPLE.repeat(400).into_bytes();
    late.truncate(MEGABYTE);
    late.push(0xff);
    let nul_at_end = format!("{}\0", "a: b\n".repeat(200_000)).into_bytes();
    vec![
        ("invalid-utf8", vec![0xff; MEGABYTE]),
        ("invalid-utf8-last", late),
        ("overlong-utf8", [0xc0, 0x80].repeat(MEGABYTE / 2)),
        ("nul", vec![0; MEGABYTE]),
        ("nul-last", nul_at_end),
        ("utf16-half", [&[0xff, 0xfe][..], &[0x41].repeat(MEGABYTE - 1)].concat()),
        ("utf16-text", [&[0xff, 0xfe][..], &[0x61, 0].repeat(MEGABYTE / 2 - 8)].concat()),
        ("too-large", vec![b'a'; 64 << 20]),
    ]
}

/// The piece again and again, up to the largest file that is read.
fn filled(piece: &str) -> String {
    piece.repeat(MEGABYTE / piece.len())
}

/// Lines made from numbers, up to a count or the largest file that is read.
fn lines(head: &str, count: usize, line: impl Fn(usize, &mut String)) -> String {
    let mut text = head.to_owned();
    for number in 0..count {
        let before = text.len();
        line(number, &mut text);
        if text.len() > MEGABYTE {
            text.truncate(before);
            break;
        }
    }
    text
}

const SERVICES: &str = "version: \"2.0\"\nservices:\n";

/// The sample with a value in the place of another.
fn with(old: &str, new: &str) -> String {
    assert!(SAMPLE.contains(old), "the sample lost {old}");
    SAMPLE.replacen(old, new, 1)
}

fn texts() -> Vec<(&'static str, String)> {
    let mut cases = vec![
        ("sample", SAMPLE.to_owned()),
        // Deep.
        ("deep-flow-lists", filled("[")),
        ("deep-flow-mappings", filled("{a: ")),
        ("deep-block-lists", filled("- ")),
        ("deep-explicit-keys", filled("? ")),
        (
            "deep-block-mappings",
            lines("", 1400, |n, out| {
                let _ = writeln!(out, "{:n$}a:", "");
            }),
        ),
        ("deep-just-allowed", format!("{SERVICES}  a: {}{}\n", "[".repeat(120), "]".repeat(120))),
        // Long.
        ("one-long-line", format!("version: {}", "x".repeat(MEGABYTE - 10))),
        ("one-long-key", format!("{}: x", "k".repeat(MEGABYTE - 10))),
        ("one-long-quote", format!("a: \"{}\"", "\\u00e9".repeat(MEGABYTE / 6 - 4))),
        ("one-open-quote", filled("'")),
        ("one-long-block", format!("a: |\n{}", filled(" x\n").get(..MEGABYTE - 8).unwrap_or(""))),
        ("one-long-fold", format!("a: >\n{}", filled("  x\n\n").get(..MEGABYTE - 8).unwrap_or(""))),
        ("one-long-image", with("registry.example/front:1.4", &"x".repeat(MEGABYTE - 4000))),
        ("one-long-number", with("port: 8443", &format!("port: {}", "9".repeat(900_000)))),
        ("one-long-amount", with("amount: 12.5", &format!("amount: {}", "9".repeat(900_000)))),
        ("one-long-size", with("size: 384Mi", &format!("size: 1e-{}", "9".repeat(900_000)))),
        ("one-long-hex", with("size: 384Mi", &format!("size: 0x{}p1", "f".repeat(900_000)))),
        (
            "one-long-duration",
            with("min_window: 36h", &format!("min_window: {}", "1h".repeat(400_000))),
        ),
        (
            "one-long-version",
            with("version: \"2.1\"", &format!("version: {}", "9".repeat(900_000))),
        ),
        ("one-long-tag", format!("a: !{} b", "%41".repeat(300_000))),
        ("one-long-anchor", format!("a: &{} b", "x".repeat(1_000_000))),
        ("one-long-comment", format!("#{}\n{SAMPLE}", "x".repeat(1_000_000))),
        // Many.
        ("tabs", filled("\t")),
        ("spaces", filled(" ")),
        ("blank-lines", filled(" \n")),
        ("comments", filled("#\n")),
        ("carriage-returns", filled("\r")),
        ("line-separators", filled("\u{2028}")),
        ("byte-order-marks", filled("\u{feff}")),
        ("letters-beyond-ascii", filled("é")),
        ("colons", filled("a: ")),
        ("colons-without-space", filled(":")),
        ("words", filled("a\n")),
        ("question-marks", filled("?\n")),
        ("brackets-closing", filled("]")),
        ("empty-lists", filled("[],")),
        ("anchors", filled("&a ")),
        ("tags", filled("!a ")),
        ("documents", filled("---\n")),
        ("directives", filled("%TAG ! x\n")),
        (
            "tag-directives",
            lines("", 60_000, |n, out| {
                let _ = writeln!(out, "%TAG !a{n}! x");
            }),
        ),
        ("list-entries", filled("- a\n")),
        ("flow-entries", format!("[{}]", filled("a,").trim_end_matches(['a', ',']))),
        ("flow-pairs", format!("a: [{}", filled("a: b, "))),
        ("escapes", format!("a: \"{}\"", filled("\\n").get(..MEGABYTE - 100).unwrap_or(""))),
        ("bad-escapes", format!("a: \"{}\"", filled("\\q").get(..MEGABYTE - 100).unwrap_or(""))),
    ];
    cases.extend(multiplied());
    cases.extend(wide());
    cases.extend(broken());
    cases
}

/// Aliases and merge keys, which say much with little.
fn multiplied() -> Vec<(&'static str, String)> {
    let bomb = lines(
        "version: \"2.0\"\nservices:\n  a: &a0 {env: [x,x,x,x,x,x,x,x,x]}\n",
        60,
        |n, out| {
            let repeated = vec![format!("*a{n}"); 9].join(",");
            let _ = writeln!(out, "  a{n}: &a{} [{repeated}]", n + 1);
        },
    );
    let env_bomb = {
        let mut text =
            format!("{SERVICES}  a: {{image: x, env: &e [{}]}}\n", "AAAA=b,".repeat(20_000));
        text = lines(&text, 15_000, |n, out| {
            let _ = writeln!(out, "  s{n}: {{env: *e}}");
        });
        text
    };
    let merges = lines(&format!("{SERVICES}  a: &m0 {{image: x}}\n"), 20_000, |n, out| {
        let _ = writeln!(out, "  b{n}: &m{} {{<<: *m{n}, k{n}: 1}}", n + 1);
    });
    let wide_merge = {
        let keys: String = (0..20_000).map(|n| format!("k{n}: 1, ")).collect();
        let again: String = (0..20).map(|_| "*m, ").collect();
        format!("{SERVICES}  a: &m {{{keys}}}\n  b: {{<<: [{again}]}}\n  c: {{<<: *m, {keys}}}\n")
    };
    let wide_merges = {
        let keys: String = (0..10_000).map(|n| format!("k{n}: 1, ")).collect();
        lines(&format!("{SERVICES}  a: &m {{{keys}}}\n"), 15_000, |n, out| {
            let _ = writeln!(out, "  b{n}: {{<<: *m}}");
        })
    };
    let long_text = {
        let text = format!("{SERVICES}  a: {{image: &x {}}}\n", "x".repeat(500_000));
        lines(&text, 20_000, |n, out| {
            let _ = writeln!(out, "  s{n}: {{image: *x}}");
        })
    };
    vec![
        ("alias-bomb", bomb),
        ("alias-bomb-of-lists", env_bomb),
        ("alias-to-long-text", long_text),
        ("alias-unknown", filled("- *a\n")),
        ("alias-many", format!("- &a x\n{}", filled("- *a\n").get(..MEGABYTE - 10).unwrap_or(""))),
        ("alias-keys", format!("- &a x\n- {{{}}}", "*a : 1, ".repeat(100_000))),
        (
            "alias-cycle",
            format!("{SERVICES}  a: &a {{b: *a, <<: *a}}\n{}", "  b: *a\n".repeat(100_000)),
        ),
        ("merge-chain", merges),
        ("merge-wide", wide_merge),
        ("merge-wide-often", wide_merges),
        (
            "merge-keys",
            format!("{SERVICES}  a: &a {{x: y}}\n  b: {{{}}}\n", "<<: *a, ".repeat(100_000)),
        ),
        (
            "anchors-different",
            lines("", 100_000, |n, out| {
                let _ = writeln!(out, "- &a{n} *a");
            }),
        ),
    ]
}

/// Many entries of each section.
fn wide() -> Vec<(&'static str, String)> {
    let expose = "    - {port: 1, to: [{service: a},{global: true}]}\n";
    vec![
        (
            "services",
            lines(SERVICES, 100_000, |n, out| {
                let _ = writeln!(out, "  s{n}: {{}}");
            }),
        ),
        (
            "services-half",
            lines(SERVICES, 45_000, |n, out| {
                let _ = writeln!(out, "  s{n}: {{}}");
            }),
        ),
        (
            "services-with-image",
            lines(SERVICES, 100_000, |n, out| {
                let _ = writeln!(out, "  s{n}: {{image: x}}");
            }),
        ),
        ("services-deployed", {
            let half = lines(SERVICES, 100_000, |n, out| {
                if out.len() < MEGABYTE / 2 {
                    let _ = writeln!(out, "  s{n}: {{image: x}}");
                }
            });
            let end = half.matches("image").count();
            lines(&format!("{half}deployment:\n"), end, |n, out| {
                let _ = writeln!(out, "  s{n}: {{dc: {{profile: p, count: 1}}}}");
            })
        }),
        ("services-compiled", {
            let half = lines(SERVICES, 8_000, |n, out| {
                let to = "expose: [{port: 80, to: [{global: true}]}]";
                let _ = writeln!(out, "  s{n}: {{image: x, {to}}}");
            });
            let resources = "cpu: {units: 10m}, memory: {size: 1Mi}, storage: {size: 5Mi}";
            let profile = format!("  compute: {{p: {{resources: {{{resources}}}}}}}\n");
            let price = "  placement: {dc: {pricing: {p: {denom: uakt, amount: 1}}}}\n";
            lines(&format!("{half}profiles:\n{profile}{price}deployment:\n"), 8_000, |n, out| {
                let _ = writeln!(out, "  s{n}: {{dc: {{profile: p, count: 1}}}}");
            })
        }),
        (
            "exposes",
            format!(
                "{SERVICES}  web:\n    expose:\n{}",
                lines("", 100_000, |_, out| out.push_str("    - port: 1\n"))
            ),
        ),
        ("exposes-with-to", format!("{SERVICES}  web:\n    expose:\n{}", expose.repeat(18_000))),
        (
            "exposes-deployed",
            with(
                "- port: 8443",
                &format!(
                    "{}- port: 8443",
                    "- {port: 1, to: [{global: true}]}\n      ".repeat(20_000)
                ),
            ),
        ),
        ("exposes-in-one-line", {
            let entries = "{port: 1},".repeat(100_000);
            format!("{SERVICES}  web: {{expose: [{entries}]}}\n")
        }),
        ("env", format!("{SERVICES}  web: {{env: [{}]}}\n", "A=b,".repeat(200_000))),
        (
            "accept",
            format!("{SERVICES}  web: {{expose: [{{accept: [{}]}}]}}\n", "a b,".repeat(200_000)),
        ),
        (
            "profiles",
            lines("version: \"2.0\"\nprofiles:\n  compute:\n", 50_000, |n, out| {
                let _ = writeln!(out, "    p{n}: {{resources: {{}}}}");
            }),
        ),
        (
            "volumes",
            format!(
                "version: \"2.0\"\nprofiles: {{compute: {{p: {{resources: {{storage: [{}]}}}}}}}}\n",
                "{size: 1Gi},".repeat(80_000)
            ),
        ),
        (
            "gpu-models",
            format!(
                "version: \"2.0\"\nprofiles: {{compute: {{p: {{resources: {{gpu: {{units: 1, attributes: {{vendor: {{nvidia: [{}]}}}}}}}}}}}}}}\n",
                "{model: t4},".repeat(80_000)
            ),
        ),
        (
            "placements",
            lines("version: \"2.0\"\nprofiles:\n  placement:\n", 50_000, |n, out| {
                let _ = writeln!(out, "    p{n}: {{pricing: {{a: {{denom: x, amount: 0}}}}}}");
            }),
        ),
        (
            "attributes",
            lines(
                "version: \"2.0\"\nprofiles:\n  placement:\n    p:\n      attributes:\n",
                80_000,
                |n, out| {
                    let _ = writeln!(out, "        a{n}: b");
                },
            ),
        ),
        (
            "endpoints",
            lines("version: \"2.0\"\nendpoints:\n", 60_000, |n, out| {
                let _ = writeln!(out, "  e{n}: {{kind: ip}}");
            }),
        ),
    ]
}

/// A mistake in every line.
fn broken() -> Vec<(&'static str, String)> {
    let deployments = |line: &str| {
        lines("version: \"2.0\"\nservices: {}\ndeployment:\n", 40_000, |n, out| {
            let _ = writeln!(out, "  s{n}: {line}");
        })
    };
    vec![
        ("top-level-keys", filled("a: b\n")),
        (
            "top-level-keys-different",
            lines("version: \"2.0\"\n", 80_000, |n, out| {
                let _ = writeln!(out, "key{n}: b");
            }),
        ),
        ("keys-equal", format!("{SERVICES}  a: {{{}}}\n", "k: 1, ".repeat(150_000))),
        (
            "keys-ignored",
            lines(&format!("{SERVICES}  a:\n"), 80_000, |n, out| {
                let _ = writeln!(out, "    imag{n}: 1");
            }),
        ),
        (
            "keys-ignored-long",
            lines(&format!("{SERVICES}  a:\n"), 80_000, |n, out| {
                let _ = writeln!(out, "    {}{n}: 1", "imagimag".repeat(8));
            }),
        ),
        ("keys-ignored-in-one-line", {
            let keys: String = (0..80_000).map(|n| format!("imag{n}: 1, ")).collect();
            format!(
                "{SERVICES}  a: {{{}}}\n",
                keys.get(..MEGABYTE - 100).unwrap_or(&keys).trim_end_matches(|it| it != ',')
            )
        }),
        ("keys-are-lists", format!("{SERVICES}  a: {{{}}}\n", "? [] : 1, ".repeat(90_000))),
        (
            "ports-wrong",
            format!("{SERVICES}  web: {{expose: [{}]}}\n", "{port: x},".repeat(90_000)),
        ),
        (
            "types-wrong",
            lines(SERVICES, 80_000, |n, out| {
                let _ = writeln!(out, "  s{n}: 1");
            }),
        ),
        ("deployed-unknown", deployments("{p: {profile: x, count: 1}}")),
        ("deployed-wrong", deployments("[]")),
        ("services-misspelt", {
            let half = lines(SERVICES, 20_000, |n, out| {
                let _ = writeln!(out, "  service{n}: {{image: x}}");
            });
            lines(&format!("{half}deployment:\n"), 20_000, |n, out| {
                let _ = writeln!(out, "  servica{n}: {{p: {{profile: x}}}}");
            })
        }),
        ("profiles-misspelt", {
            let head = lines(
                "version: \"2.0\"\nprofiles:\n  placement: {dc: {pricing: {}}}\n  compute:\n",
                15_000,
                |n, out| {
                    let _ = writeln!(out, "    profile{n}: {{}}");
                },
            );
            let head = lines(&format!("{head}services:\n"), 8_000, |n, out| {
                let _ = writeln!(out, "  s{n}: {{image: x}}");
            });
            lines(&format!("{head}deployment:\n"), 8_000, |n, out| {
                let _ = writeln!(out, "  s{n}: {{dc: {{profile: profila{n}, count: 1}}}}");
            })
        }),
        (
            "secrets",
            format!(
                "{SERVICES}  web: {{image: x, env: [{}]}}\n",
                "PASSWORD=hunter2,".repeat(50_000)
            ),
        ),
    ]
}
