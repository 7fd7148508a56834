//! The published schema and page: fresh, valid themselves, and of one mind with the reference about files.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn fixtures() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/sdl");
    if !path.is_dir() {
        println!("skipped: no fixtures at {}", path.display());
        return None;
    }
    Some(path)
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&sdl::schema::json_schema()).unwrap()
}

/// A file as an editor's language server sees it.
fn parse(text: &str) -> Option<Value> {
    let mut value: serde_norway::Value =
        serde_norway::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    value.apply_merge().ok()?;
    serde_json::to_value(value).ok()
}

fn verdict(validator: &jsonschema::Validator, text: &str) -> Vec<String> {
    let Some(value) = parse(text) else { return vec!["no YAML".to_owned()] };
    validator.iter_errors(&value).map(|it| format!("{}: {it:.200}", it.instance_path())).collect()
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let is_yaml = |it: &PathBuf| it.extension().is_some_and(|it| it == "yaml" || it == "yml");
    let mut found: Vec<_> =
        fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).filter(is_yaml).collect();
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn what_is_published_is_what_the_table_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let schema = serde_json::to_string_pretty(&sdl::schema::json_schema()).unwrap() + "\n";
    for (file, expected) in [("sdl-schema.json", schema), ("sdl-keys.md", sdl::schema::markdown())]
    {
        let path = folder.join(file);
        if std::env::var_os("HAGGLE_UPDATE_SNAPSHOTS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &expected).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == expected,
            "docs/reference/{file} is stale; HAGGLE_UPDATE_SNAPSHOTS=1 rewrites it"
        );
    }
}

#[test]
fn the_schema_is_one_by_its_own_metaschema() {
    let schema = sdl::schema::json_schema();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn defaults_and_examples_are_valid_where_they_stand() {
    fn walk(schema: &Value, path: &str) {
        match schema {
            Value::Object(fields) => {
                if fields.contains_key("description") && fields.contains_key("type") {
                    let validator = jsonschema::draft202012::new(schema).unwrap();
                    let examples = schema["examples"].as_array().into_iter().flatten();
                    for value in schema.get("default").into_iter().chain(examples) {
                        let errors: Vec<_> =
                            validator.iter_errors(value).map(|it| it.to_string()).collect();
                        assert!(errors.is_empty(), "{path}: {value}: {errors:?}");
                    }
                }
                for (key, value) in fields {
                    walk(value, &format!("{path}/{key}"));
                }
            }
            Value::Array(items) => items.iter().for_each(|it| walk(it, path)),
            _ => {}
        }
    }
    walk(&sdl::schema::json_schema(), "");
}

#[test]
fn official_files_are_valid() {
    let Some(fixtures) = fixtures() else { return };
    let validator = validator();
    let mut count = 0;
    for version in fs::read_dir(fixtures.join("parity")).unwrap() {
        for case in fs::read_dir(version.unwrap().path()).unwrap() {
            let path = case.unwrap().path().join("input.yaml");
            let errors = verdict(&validator, &fs::read_to_string(&path).unwrap());
            assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
            count += 1;
        }
    }
    assert!(count > 0);
}

/// Real files on which this schema and the reference's differ, and why.
const REAL_DIFFERENCES: &[(&str, &str)] = &[
    (
        "axolotlai__deploy-persistent.yaml",
        "a denomination of another chain compiles, so it is allowed",
    ),
    ("n8n__deploy.yml", "a denomination of another chain compiles, so it is allowed"),
];

#[test]
fn real_files_are_judged_as_the_reference_schema_judges_them() {
    let Some(fixtures) = fixtures() else { return };
    let validator = validator();
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in yaml_files(&fixtures.join("real")) {
        let file = name(&path);
        let expected = json(&path.with_file_name(format!("{file}.go.expected.json")));
        if expected["accepted"] == false {
            continue;
        }
        count += 1;
        let errors = verdict(&validator, &fs::read_to_string(&path).unwrap());
        let is_exception = REAL_DIFFERENCES.iter().any(|it| it.0 == file);
        if (errors.is_empty() == expected["schemaErrors"].is_null()) == is_exception {
            wrong.push((file, errors, expected["schemaErrors"].clone()));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}: {wrong:#?}", wrong.len());
    assert!(count > 100);
}

#[test]
fn broken_files_are_refused_if_the_reference_schema_refuses_them() {
    let Some(fixtures) = fixtures() else { return };
    let validator = validator();
    let folder = fixtures.join("invalid");
    let results = json(&folder.join("results.json"));
    let mut refused = 0;
    for (file, expected) in results.as_object().unwrap() {
        let errors = verdict(&validator, &fs::read_to_string(folder.join(file)).unwrap());
        assert_eq!(!errors.is_empty(), expected["schemaRejects"] == true, "{file}: {errors:#?}");
        refused += usize::from(!errors.is_empty());
    }
    assert!(refused > 10);
}

/// A small file that is valid, for changes.
const VALID: &str = r#"
version: "2.0"
services:
  web:
    image: nginx
    expose:
      - port: 80
        to:
          - global: true
profiles:
  compute:
    web:
      resources:
        cpu:
          units: 1
        memory:
          size: 1Gi
        storage:
          size: 1Gi
  placement:
    dc:
      pricing:
        web:
          denom: uakt
          amount: 100
deployment:
  web:
    dc:
      profile: web
      count: 1
"#;

#[test]
fn values_are_held_against_what_the_compiler_reads() {
    let validator = validator();
    let check = |from: &str, to: &str, is_valid: bool| {
        assert!(VALID.contains(from), "{from}");
        let errors = verdict(&validator, &VALID.replacen(from, to, 1));
        assert_eq!(errors.is_empty(), is_valid, "{to}: {errors:#?}");
    };
    check("units: 1", "units: 0.5", true);
    check("units: 1", "units: 500m", true);
    check("units: 1", "units: \".5\"", true);
    check("units: 1", "units: 0", false);
    check("units: 1", "units: \"0\"", false);
    check("units: 1", "units: 1.5m", false);
    check("units: 1", "units: 400", false);
    check("size: 1Gi", "size: 0.5Gi", true);
    check("size: 1Gi", "size: 512M", true);
    check("size: 1Gi", "size: 512MB", false);
    check("size: 1Gi", "size: 0Gi", false);
    check("size: 1Gi", "size: 1073741824", false);
    check("amount: 100", "amount: 12.5", true);
    check("amount: 100", "amount: \"0.000000000000000001\"", true);
    check("amount: 100", "amount: 0", false);
    check("amount: 100", "amount: 10000001", false);
    check("denom: uakt", "denom: uact", true);
    check("denom: uakt", "denom: akt", false);
    check("port: 80", "prot: 80", false);
    check("port: 80", "port: 80\n        proto: udp", true);
    check("port: 80", "port: 80\n        proto: http", false);
    check("global: true", "global: true\n            ip: front", true);
    check("global: true", "service: web\n            ip: front", false);
    check("image: nginx", "image: nginx\n    env: [A=b, C, 'D=\"multi\nline\"']", true);
    check("image: nginx", "image: nginx\n    env: [1A=b]", false);
    check("image: nginx", "image: nginx\n    env: ~", true);
    check("image: nginx", "image: nginx\n    params: {storage: {data: {mount: data}}}", false);
    check("version: \"2.0\"", "version: \"2.0\"\nreclamation: {min_window: 1h30m}", true);
    check("version: \"2.0\"", "version: \"2.0\"\nreclamation: {min_window: 0s}", false);
    check("version: \"2.0\"", "version: \"2.0\"\nreclamation: {min_window: 1d}", false);
    let gpu = |text: &str, is_valid| {
        check(
            "storage:\n          size: 1Gi",
            &format!("storage:\n          size: 1Gi\n        gpu: {text}"),
            is_valid,
        );
    };
    gpu(
        "{units: 1, attributes: {vendor: {nvidia: [{model: a100, ram: 80Gi, interface: sxm}]}}}",
        true,
    );
    gpu("{units: 1, attributes: {vendor: {nvidia: }}}", true);
    gpu("{units: 0}", true);
    gpu("{units: 1}", false);
    gpu("{units: 0, attributes: {vendor: {nvidia: }}}", false);
    gpu("{units: 25, attributes: {vendor: {nvidia: }}}", false);
    gpu("{units: 1, attributes: {vendor: {}}}", false);
    gpu("{units: 1, attributes: {vendor: {nvidia: [{model: rtx 4090}]}}}", false);
    gpu("{units: 1, attributes: {vendor: {nvidia: [{model: '*', ram: 80Gi}]}}}", false);
    let cases = |text: &str, is_valid| {
        check(
            "port: 80",
            &format!("port: 80\n        http_options: {{next_cases: {text}}}"),
            is_valid,
        );
    };
    cases("[error, 503]", true);
    cases("[off]", true);
    cases("[off, error]", false);
    cases("[sometimes]", false);
}

#[test]
fn a_persistent_volume_needs_a_mount_in_the_first_version_only() {
    let validator = validator();
    let volume = "storage:\n          name: data\n          size: 1Gi\n          attributes: {class: beta3, persistent: true}";
    let unmounted = VALID.replace("storage:\n          size: 1Gi", volume);
    assert!(!verdict(&validator, &unmounted).is_empty());
    let newer = unmounted.replace("\"2.0\"", "\"2.1\"");
    assert_eq!(verdict(&validator, &newer), [""; 0]);
    let mounted = unmounted
        .replace("image: nginx", "image: nginx\n    params: {storage: {default: {mount: /data}}}");
    assert_eq!(verdict(&validator, &mounted), [""; 0]);
}
