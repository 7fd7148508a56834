//! Warnings: which there are, where they point, what silences them, and that they are no noise.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]
#![allow(clippy::print_stdout, reason = "a test says why it is skipped, and what it counted")]

use sdl::{CheckOptions, Diagnostics, RenderOptions, Rule, Severity, rules};
use std::collections::BTreeMap;
use std::path::Path;

/// The base of the examples with one text replaced.
fn with(old: &str, new: &str) -> String {
    assert!(rules::BASE.contains(old), "{old:?}");
    rules::BASE.replacen(old, new, 1)
}

fn check(source: &str) -> Diagnostics {
    sdl::check(source, &CheckOptions::default()).diagnostics
}

/// What is found, as `CODE: text of the place`.
fn found(source: &str) -> Vec<String> {
    let list = check(source);
    list.iter().map(|it| format!("{}: {}", it.rule.code(), list.text(it.span))).collect()
}

fn found_with(source: &str, options: &CheckOptions) -> Vec<&'static str> {
    sdl::check(source, options).diagnostics.iter().map(|it| it.rule.code()).collect()
}

const IMAGE: &str = "    image: nginx:1.27.3\n";

fn with_env(entries: &[&str]) -> String {
    let lines: String = entries.iter().map(|it| format!("      - {it}\n")).collect();
    with(IMAGE, &format!("{IMAGE}    env:\n{lines}"))
}

// Places.

#[test]
fn a_warning_points_at_the_value_that_has_to_change() {
    for (old, new, wanted) in [
        ("nginx:1.27.3", "nginx", "sdl::image::latest: nginx"),
        ("nginx:1.27.3", "'nginx:latest'", "sdl::image::latest: 'nginx:latest'"),
        ("size: 512Mi", "size: 512M", "sdl::quantity::decimal-memory: 512M"),
        ("denom: uact", "denom: uakt", "sdl::pricing::unusual-denom: uakt"),
        ("amount: 100", "amount: 900000", "sdl::pricing::far-too-high: 900000"),
        ("port: 80", "port: 5432", "sdl::expose::open-database: 5432"),
        ("port: 80", "{port: 8443, as: 443", "sdl::expose::https-port: 443"),
        ("version: \"2.0\"", "version: 2.0", "sdl::schema::version: 2.0"),
    ] {
        let new = match new.strip_prefix('{') {
            Some(rest) => format!("port: 8443\n        {}", rest.split(", ").nth(1).unwrap()),
            None => new.to_owned(),
        };
        assert_eq!(found(&with(old, &new)), [wanted]);
    }
}

#[test]
fn images_that_are_pinned_are_left_alone() {
    let digest = format!("nginx@sha256:{}", "0".repeat(64));
    for image in ["nginx:1", "localhost:5000/nginx:2", "ghcr.io/a/b:stable-slim", &digest] {
        assert!(found(&with("nginx:1.27.3", image)).is_empty(), "{image}");
    }
}

#[test]
fn memory_that_is_plainly_decimal_is_left_alone() {
    for size in ["500M", "2500M", "10G", "5G", "100M", "1.5G", "32M", "512Mi", "\"536870912\""] {
        assert!(found(&with("512Mi", size)).is_empty(), "{size}");
    }
    for size in ["256M", "768M", "1G", "6G", "96G", "524288k"] {
        assert_eq!(found(&with("512Mi", size)), [format!("sdl::quantity::decimal-memory: {size}")]);
    }
}

#[test]
fn a_worker_without_ports_is_left_alone() {
    let source = with("services:\n", "services:\n  worker:\n    image: busybox:1.36\n");
    let source = source
        .replace("deployment:\n", "deployment:\n  worker:\n    cloud: {profile: web, count: 1}\n");
    assert!(found(&source).is_empty());
}

#[test]
fn a_leased_address_may_be_open_at_443() {
    let source = with("services:\n", "endpoints: {edge: {kind: ip}}\nservices:\n")
        .replace("port: 80\n", "port: 443\n")
        .replace("- global: true", "- {global: true, ip: edge}");
    assert!(found(&source).is_empty());
}

// Money.

#[test]
fn a_budget_is_held_against_all_replicas() {
    // 100 uact per block and replica are 40.46 dollars a month.
    for (budget, count, wanted) in [
        ("50", 1, None),
        ("40", 1, None),
        ("37", 1, None),
        ("36", 1, Some("up to 40.45 USD a month, 1.1 times the budget of 36.00 USD")),
        ("50", 2, Some("up to 80.91 USD a month, 1.6 times the budget of 50.00 USD")),
        ("500", 1, Some("come to 40.45 USD a month at most, 1/12 of the budget of 500 USD")),
    ] {
        let source = with("count: 1", &format!("count: {count}"));
        let source = format!("# haggle: budget {budget} usd/month\n{source}");
        let list = check(&source);
        let messages: Vec<_> = list.iter().map(|it| it.message.clone()).collect();
        match wanted {
            None => assert!(messages.is_empty(), "{budget}: {messages:?}"),
            Some(wanted) => assert!(
                messages.len() == 1 && messages.iter().all(|it| it.contains(wanted)),
                "{budget}: {messages:?}"
            ),
        }
    }
}

#[test]
fn what_the_hint_of_a_budget_says_stays_within_it() {
    let source = format!("# haggle: budget 10 usd/month\n{}", with("count: 1", "count: 3"));
    let list = check(&source);
    let hint = list.iter().next().unwrap().hint.clone().unwrap();
    assert_eq!(hint, "`amount: 8.2` stays within it");
    assert!(found(&source.replace("amount: 100", "amount: 8.2")).is_empty());
}

#[test]
fn a_budget_in_the_file_wins_over_that_of_the_caller() {
    let options = CheckOptions { monthly_budget: "1 usd".parse().ok(), ..CheckOptions::default() };
    assert_eq!(found_with(rules::BASE, &options), ["sdl::pricing::budget"]);
    let own = format!("# haggle: budget 45\n{}", rules::BASE);
    assert!(found_with(&own, &options).is_empty());
}

#[test]
fn prices_in_uakt_are_compared_once_the_price_of_akt_is_known() {
    let source = format!("# haggle: budget 1 usd/month\n{}", with("uact", "uakt"));
    assert_eq!(found_with(&source, &CheckOptions::default()), ["sdl::pricing::unusual-denom"]);
    let options = CheckOptions { akt_price_micro_usd: Some(500_000), ..CheckOptions::default() };
    assert_eq!(
        found_with(&source, &options),
        ["sdl::pricing::unusual-denom", "sdl::pricing::budget"]
    );
}

// Secrets.

#[test]
fn no_report_shows_a_secret() {
    let secret = "b7Qz81kWm0PxT4vR";
    let token = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0".repeat(2));
    let source = with_env(&[
        &format!("DB_PASSWORD={secret}"),
        &format!("\"API_KEY={secret}\""),
        &format!("UPLOAD={token}"),
        "ADMIN_PASSWORD=letmein",
    ]);
    let source = source.replace(
        IMAGE,
        &format!(
            "{IMAGE}    args: [\"--token={token}\"]\n    credentials:\n      host: r.example\n      username: me\n      password: {secret}\n"
        ),
    );
    let list = check(&source).with_name("web.yaml");
    let codes: Vec<_> = list.iter().map(|it| it.rule).collect();
    assert_eq!(
        codes,
        [
            Rule::SecretValue,
            Rule::RegistryPassword,
            Rule::SecretEnv,
            Rule::SecretEnv,
            Rule::SecretValue,
            Rule::DefaultPassword
        ]
    );
    let texts: Vec<_> = list.iter().map(|it| list.text(it.span)).collect();
    assert_eq!(texts[2..], ["DB_PASSWORD", "API_KEY", "UPLOAD", "ADMIN_PASSWORD"]);
    let report = list.render(RenderOptions::default());
    let everything = format!("{report}{}{}", list.to_json(), list.lines().join("\n"));
    for hidden in [secret, token.as_str(), "letmein"] {
        assert!(!everything.contains(hidden), "{everything}");
    }
    assert!(report.contains("DB_PASSWORD=****************"), "{report}");
}

#[test]
fn secrets_are_hidden_beside_errors_too() {
    let source = with_env(&["MODE = demo", "DB_PASSWORD=b7Qz81kWm0PxT4vR"]);
    let list = check(&source);
    assert_eq!(list.first_error().unwrap().rule, Rule::EnvName);
    let report = list.render(RenderOptions::default());
    assert!(!report.contains("b7Qz81kWm0PxT4vR"), "{report}");
}

#[test]
fn what_is_no_secret_is_left_alone() {
    let source = with_env(&[
        "PASSWORD=",
        "API_KEY",
        "DB_PASSWORD=${DB_PASSWORD}",
        "TOKEN=<your token>",
        "HF_TOKEN=hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "ALLOW_EMPTY_PASSWORD=yes",
        "PASSWORD_FILE=/run/secrets/password",
        "TOKEN_URL=https://www.example.com/token",
        "PUBLIC_KEY=b7Qz81kWm0PxT4vR",
        "MAX_TOKENS=4096",
        "POOL_PASSWORD=x",
    ]);
    assert_eq!(found(&source), [""; 0]);
}

// Silence.

#[test]
fn a_comment_holds_for_its_line_its_entry_or_the_file() {
    let env = ["A_TOKEN=b7Qz81kWm0PxT4vR", "B_TOKEN=b7Qz81kWm0PxT4vR"];
    let source = with_env(&env).replace("nginx:1.27.3", "nginx");
    let all = ["sdl::image::latest", "sdl::secret::env", "sdl::secret::env"];
    let options = CheckOptions::default();
    assert_eq!(found_with(&source, &options), all);
    let silenced = |old: &str, new: &str| {
        assert!(source.contains(old));
        found_with(&source.replacen(old, new, 1), &options)
    };
    // Behind something: that line.
    assert_eq!(
        silenced("nginx\n", "nginx # haggle: allow sdl::image::latest\n"),
        ["sdl::secret::env"; 2]
    );
    assert_eq!(
        silenced(
            "- A_TOKEN=b7Qz81kWm0PxT4vR",
            "- A_TOKEN=b7Qz81kWm0PxT4vR # haggle: allow sdl::secret"
        ),
        all[..2]
    );
    // On its own: what is below.
    assert_eq!(
        silenced(
            "    env:\n",
            "    # haggle: allow sdl::secret::env - the demo has no secrets\n    env:\n"
        ),
        ["sdl::image::latest"]
    );
    assert_eq!(
        silenced("      - A_TOKEN", "      # haggle: allow sdl::secret::env\n      - A_TOKEN"),
        all[..2]
    );
    // Before everything: the file.
    assert!(
        found_with(
            &format!("# A demo.\n#haggle:allow sdl::secret::env, sdl::image::latest\n{source}"),
            &options
        )
        .is_empty()
    );
    // A text is no comment.
    let inside = silenced("nginx\n", "nginx\n    args: [\"# haggle: allow sdl::secret::env\"]\n");
    assert_eq!(inside, all);
}

#[test]
fn a_comment_that_cannot_be_read_is_a_warning_itself() {
    for (comment, wanted, hint) in [
        ("allow sdl::image::lastest", "sdl::image::lastest", "did you mean `sdl::image::latest`?"),
        ("allow", "allow", "write the code of the warning: `# haggle: allow sdl::image::latest`"),
        ("alow sdl::image", "alow", "did you mean `allow`?"),
        (
            "allow sdl::expose::port",
            "sdl::expose::port",
            "remove the comment; only warnings can be silenced",
        ),
        ("budget lots", "budget lots", "write `# haggle: budget 50 usd/month`"),
    ] {
        let source = format!("# haggle: {comment}\n{}", rules::BASE);
        let list = check(&source);
        let found: Vec<_> = list
            .iter()
            .map(|it| (it.rule, list.text(it.span), it.hint.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(found, [(Rule::Directive, wanted, hint)]);
    }
}

#[test]
fn the_caller_allows_and_denies() {
    let source = with("nginx:1.27.3", "nginx").replace("512Mi", "512M");
    let all = ["sdl::image::latest", "sdl::quantity::decimal-memory"];
    let default = CheckOptions::default();
    assert_eq!(found_with(&source, &default), all);
    let allow = CheckOptions { allow: vec![Rule::ImageTag], ..default.clone() };
    assert_eq!(found_with(&source, &allow), all[1..]);
    let off = CheckOptions { lints: false, ..default.clone() };
    assert!(found_with(&source, &off).is_empty());
    let deny = CheckOptions { deny: vec![Rule::ImageTag], ..default };
    let denied = sdl::check(&source, &deny).diagnostics;
    let severities: Vec<_> = denied.iter().map(|it| it.severity).collect();
    assert_eq!(severities, [Severity::Error, Severity::Warning]);
    assert!(denied.lines().first().unwrap().contains("error[sdl::image::latest]"));
}

#[test]
fn the_schema_can_be_left_out() {
    let source = with("version: \"2.0\"", "version: 2.0");
    let options = CheckOptions { schema: false, ..CheckOptions::default() };
    assert!(found_with(&source, &options).is_empty());
}

#[test]
fn lints_wait_until_there_are_no_errors() {
    let source = with("nginx:1.27.3", "nginx").replace("port: 80", "port: 80000");
    assert_eq!(found_with(&source, &CheckOptions::default()), ["sdl::expose::port"]);
}

// Files that people use.

/// The accepted files of the fixtures with their warnings, and whether the reference's schema objects.
fn real_files() -> Option<Vec<(String, Diagnostics, bool)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/sdl/real");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: the fixtures are not beside the project");
        return None;
    };
    let mut paths: Vec<_> = entries.filter_map(|it| Some(it.ok()?.path())).collect();
    paths.retain(|it| it.extension().is_some_and(|it| it == "yaml" || it == "yml"));
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(compiled) = sdl::compile(&std::fs::read_to_string(&path).unwrap()) else { continue };
        let expected = folder.join(format!("{name}.go.expected.json"));
        let expected: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(expected).unwrap()).unwrap();
        let has_schema_errors = !expected["schemaErrors"].is_null();
        found.push((name.clone(), compiled.warnings.with_name(name), has_schema_errors));
    }
    Some(found)
}

#[test]
fn the_schema_lints_object_to_what_the_schema_objects_to() {
    let Some(files) = real_files() else { return };
    for (name, warnings, has_schema_errors) in files {
        let objects = warnings.iter().any(|it| {
            let code = it.rule.code();
            code.starts_with("sdl::schema::")
                || matches!(it.rule, Rule::IgnoredKey | Rule::UnusualDenom | Rule::ZeroCount)
        });
        // `uakt` satisfies the schema, and is refused by the chain.
        let is_only_uakt = warnings
            .iter()
            .all(|it| it.rule != Rule::IgnoredKey && !it.rule.code().starts_with("sdl::schema"))
            && warnings.iter().any(|it| it.message.contains("`uakt`"));
        assert_eq!(objects && !is_only_uakt, has_schema_errors, "{name}: {warnings}");
    }
}

#[test]
fn the_warnings_are_no_noise() {
    let Some(files) = real_files() else { return };
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let mut silent = 0;
    for (_, warnings, _) in &files {
        silent += usize::from(warnings.is_empty());
        let codes: std::collections::BTreeSet<_> =
            warnings.iter().map(|it| it.rule.code()).collect();
        codes.into_iter().for_each(|it| *count.entry(it).or_default() += 1);
    }
    for (code, files) in &count {
        println!("{files:4} files: {code}");
    }
    println!("{silent:4} of {} files without a word", files.len());
    // No rule speaks about more than a third of the files that people use.
    for (code, found) in count {
        assert!(found * 3 <= files.len(), "{code}: {found} of {}", files.len());
    }
}

// Hostile files.

/// Files in which a lint that compares everything with everything would take hours.
#[test]
fn large_files_cost_no_more_than_they_should() {
    let many =
        |count: usize, each: &dyn Fn(usize) -> String| -> String { (0..count).map(each).collect() };
    let services = many(1500, &|it| format!("  s{it}: {{image: a}}\n"));
    let profiles = many(1500, &|it| {
        format!(
            "    p{it}: {{resources: {{cpu: {{units: 1}}, memory: {{size: 1G}}, storage: {{size: 1Gi}}, gpu: {{units: 1, attributes: {{vendor: {{nvidia: }}}}}}}}}}\n"
        )
    });
    let prices = many(1500, &|it| format!("        p{it}: {{denom: uact, amount: 1}}\n"));
    let deployed = many(1500, &|it| format!("  s{it}: {{cloud: {{profile: p{it}, count: 0}}}}\n"));
    let wide = rules::BASE
        .replace("services:\n", &format!("services:\n{services}"))
        .replace("  compute:\n", &format!("  compute:\n{profiles}"))
        .replace("          amount: 100\n", &format!("          amount: 100\n{prices}"))
        .replace("deployment:\n", &format!("deployment:\n{deployed}"));
    let exposes = with(
        "      - port: 80\n",
        &format!("{}      - port: 80\n", "      - port: 1\n".repeat(20_000)),
    );
    let strays = many(10_000, &|it| format!("        wbe{it}: {{denom: uact, amount: 1}}\n"));
    let strays = with("          amount: 100\n", &format!("          amount: 100\n{strays}"));
    let comments = format!("{}{}", "# haggle: allow sdl\n".repeat(40_000), rules::BASE);
    let codes = format!("# haggle: allow {}\n{}", "sdl,".repeat(200_000), rules::BASE);
    let below = rules::BASE
        .replace("services:\n", &format!("services:\n{}", "  # haggle: alow\n".repeat(40_000)));
    for (name, source) in [
        ("wide", wide),
        ("exposes", exposes),
        ("strays", strays),
        ("comments", comments),
        ("codes", codes),
        ("below", below),
    ] {
        let list = check(&source);
        assert!(list.first_error().is_none(), "{name}: {}", list.first_error().unwrap().message);
        assert!(list.len() <= 200, "{name}");
        assert!(!list.is_empty() || matches!(name, "codes" | "comments"), "{name}");
    }
}
