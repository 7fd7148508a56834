use crate::snapshot;
use sdl::compose::{Carried, Converted, Options, from_compose, from_compose_with};
use std::collections::BTreeMap;
use std::fmt::Write;

fn map(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter().map(|it| (it.0.to_owned(), it.1.to_owned())).collect()
}

fn options(name: &str) -> Options {
    match name {
        "nextcloud" => Options {
            files: map(&[(
                "db.env",
                "# database\nMYSQL_DATABASE=nextcloud\nexport MYSQL_PASSWORD=\"n c\"\n",
            )]),
            budget_per_month: Some("25".into()),
            ..Options::default()
        },
        "ghost" => Options {
            environment: map(&[("DB_PASSWORD", "pw"), ("DOMAIN", "blog.example.com")]),
            ..Options::default()
        },
        "django" => {
            Options { images: map(&[("web", "ghcr.io/example/app:1.4")]), ..Options::default() }
        }
        "backend-only" => {
            Options { environment: map(&[("DB_PW", "from-the-shell")]), ..Options::default() }
        }
        _ => Options::default(),
    }
}

fn report(it: &Converted) -> String {
    let mut out = String::new();
    for note in &it.notes {
        let how = match note.carried {
            Carried::Kept => "kept   ",
            Carried::Changed => "changed",
            Carried::Lost => "lost   ",
        };
        let advice =
            note.advice.as_ref().map_or_else(String::new, |it| format!("\n            -> {it}"));
        writeln!(out, "{:>4} {how} {}: {}{advice}", note.line, note.path, note.text).unwrap();
    }
    out
}

fn files() -> Vec<(String, String)> {
    let mut list: Vec<_> = std::fs::read_dir(snapshot::folder("compose"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    list.sort();
    list.into_iter()
        .map(|it| {
            (
                it.file_stem().unwrap().to_string_lossy().into_owned(),
                std::fs::read_to_string(&it).unwrap(),
            )
        })
        .collect()
}

#[test]
fn every_file_becomes_one_that_compiles_and_tells_what_became_of_it() {
    let files = files();
    assert!(files.len() >= 20, "{}", files.len());
    for (name, source) in files {
        let converted =
            from_compose_with(&source, &options(&name)).unwrap_or_else(|it| panic!("{name}: {it}"));
        let compiled = sdl::compile(&converted.sdl)
            .unwrap_or_else(|it| panic!("{name}: {it}\n{}", converted.sdl));
        assert!(!compiled.group_specs().is_empty());
        let lines = source.lines().count();
        for note in &converted.notes {
            assert!((1..=lines).contains(&note.line), "{name}: {note:?}");
            assert!(!note.text.is_empty() && !note.path.is_empty(), "{name}: {note:?}");
        }
        snapshot::check(&format!("compose/{name}.yaml"), &converted.sdl);
        snapshot::check(&format!("compose/{name}.notes.txt"), &report(&converted));
    }
}

fn fails(source: &str) -> String {
    from_compose(source).unwrap_err().lines().join("\n")
}

#[test]
fn what_is_no_compose_file_is_refused_with_its_place() {
    for (source, words) in [
        ("", "holds nothing"),
        ("- a\n", "is a mapping"),
        ("services: {}\n", "no services"),
        ("a: b\n", "no services"),
        ("services:\n  web: nginx\n", "2:8"),
        (
            "services:\n  web:\n    image: \"${TAG:?say which}\"\n",
            "`TAG` is required and has no value: say which",
        ),
        ("services:\n  web:\n    image: nginx\n    image: caddy\n", "stands here twice"),
        ("services:\n  a: {extends: {service: b}}\n  b: {extends: a}\n", "extends itself"),
        ("services:\n  a: {extends: webb}\n  web: {image: nginx}\n", "which is not in this file"),
        ("services:\n  web: {image: nginx, profiles: [x]}\n", "no service is left"),
        ("services:\n  web:\n    image: [\n", "error["),
        ("services:\n  web:\n    image: ${A\n", "never closed"),
        ("services:\n  web: {<<: 5, image: x}\n", "merges mappings"),
    ] {
        let found = fails(source);
        assert!(found.contains(words), "{source:?}: {found}");
    }
    let sdl = std::fs::read_to_string(snapshot::folder("files").join("shop.yaml")).unwrap();
    assert!(fails(&sdl).contains("is a deployment file already"));
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut source = String::from("x-a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (name, before) in "bcdefgh".chars().zip("abcdefg".chars()) {
        let items = vec![format!("*{before}"); 10].join(", ");
        writeln!(source, "x-{name}: &{name} [{items}]").unwrap();
    }
    source.push_str("services: {web: {image: nginx}}\n");
    assert!(fails(&source).contains("alias"), "{}", fails(&source));
}

#[test]
fn a_budget_is_divided_and_kept() {
    let (_, source) = files().into_iter().find(|it| it.0 == "mastodon").unwrap();
    for budget in ["50", "7.5", "0.01"] {
        let options = Options { budget_per_month: Some(budget.to_owned()), ..Options::default() };
        let converted = from_compose_with(&source, &options).unwrap();
        let explanation = sdl::explain::explain(
            &sdl::compile(&converted.sdl).unwrap(),
            &sdl::explain::Options::default(),
        );
        let month: f64 = explanation.cost.unwrap().per_month.amount.parse().unwrap();
        let wanted = budget.parse::<f64>().unwrap() * 1e6;
        assert!(month <= wanted && month > wanted * 0.99, "{budget}: {month}");
    }
    let options = Options { budget_per_month: Some("a lot".to_owned()), ..Options::default() };
    assert!(
        from_compose_with(&source, &options).unwrap_err().to_string().contains("no monthly budget")
    );
}

#[test]
fn profiles_images_and_other_files_are_taken_when_given() {
    let source = "services:\n  web:\n    extends: {file: ./common.yml, service: base}\n    ports: [8080:80]\n    profiles: [prod]\n  app: {build: ., ports: [3000:3000]}\n";
    let options = Options {
        files: map(&[(
            "common.yml",
            "services: {base: {image: 'nginx:1.28', environment: {A: \"1\"}}}\n",
        )]),
        profiles: vec!["prod".into()],
        images: map(&[("app", "ghcr.io/me/app:1")]),
        ..Options::default()
    };
    let converted = from_compose_with(source, &options).unwrap();
    assert!(
        converted.sdl.contains("image: nginx:1.28")
            && converted.sdl.contains("image: ghcr.io/me/app:1")
            && converted.sdl.contains("A=1"),
        "{}",
        converted.sdl
    );
    let without = from_compose(source).unwrap();
    assert!(
        without
            .notes
            .iter()
            .any(|it| it.carried == Carried::Lost && it.path == "services.web.profiles")
    );
    assert!(without.sdl.contains("change-me"), "{}", without.sdl);
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

#[test]
fn whatever_is_read_compiles() {
    const WORDS: [&str; 24] = [
        "0",
        "-1",
        "99999999999999999999",
        "1e9",
        "\"\"",
        "~",
        "[]",
        "{}",
        "[a, b]",
        "{a: b}",
        "true",
        "\u{e9}",
        "/",
        "/a b",
        "a:b:c:d",
        "${X}",
        "${X:-y}",
        "80",
        "*x",
        "'it''s'",
        "70000:1",
        "0.00001",
        "9999999999g",
        "\"a\\nb\"",
    ];
    let mut numbers = Numbers(7);
    let (mut read, mut refused) = (0, 0);
    for (name, source) in files() {
        let lines: Vec<&str> = source.lines().collect();
        for _ in 0..60 {
            let mut lines: Vec<String> = lines.iter().map(|it| (*it).to_owned()).collect();
            for _ in 0..=numbers.below(3) {
                let at = numbers.below(lines.len());
                match numbers.below(4) {
                    0 if lines.len() > 1 => drop(lines.remove(at)),
                    1 => {
                        let word = WORDS[numbers.below(WORDS.len())];
                        let line = lines[at].clone();
                        if let Some((key, _)) = line.split_once(": ") {
                            lines[at] = format!("{key}: {word}");
                        }
                    }
                    0 | 2 => {
                        let other = numbers.below(lines.len());
                        lines.swap(at, other);
                    }
                    _ => {
                        let word = WORDS[numbers.below(WORDS.len())];
                        lines[at] = lines[at].replacen(|it: char| it.is_ascii_digit(), word, 1);
                    }
                }
            }
            let text = lines.join("\n");
            match from_compose_with(&text, &options(&name)) {
                Ok(converted) => {
                    read += 1;
                    sdl::compile(&converted.sdl).unwrap();
                }
                Err(error) => {
                    refused += 1;
                    let error = error.to_string();
                    assert!(!error.contains("made from the Compose file"), "{error}\n{text}");
                }
            }
        }
    }
    assert!(read > 300 && refused > 50, "{read} {refused}");
}
