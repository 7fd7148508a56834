//! `haggle sdl` as a user, an editor and a CI system run it.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use common::{Home, Run};
use serde_json::{Value, json};

const WEB: &str = include_str!("../../../examples/web.yaml");
const STACK: &str = include_str!("../../../examples/stack.yaml");

/// A file with one error and, a line above it, a misspelt key.
fn wrong() -> String {
    WEB.replace("size: 128Mi", "size: 128Foo")
}

fn write(home: &Home, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = home.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn value(run: &Run) -> Value {
    serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", run.stdout, run.stderr))
}

/// Where the fixtures are, if they are.
fn fixtures() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/sdl");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: there are no fixtures at {}", path.display());
    None
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|it| format!("{it:02x}")).collect()
}

#[test]
fn a_good_file_is_good() {
    let home = Home::new();
    write(&home, "web.yaml", WEB);
    let run = home.run_ok(&["sdl", "check", "web.yaml"]);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("web.yaml: no problems"), "{}", run.stderr);
    assert_eq!(home.run_ok(&["sdl", "check", "--quiet", "web.yaml"]).stderr, "");
    // The folder one stands in is what is checked when nothing is named.
    assert!(home.run_ok(&["sdl", "check"]).stderr.contains("web.yaml: no problems"));
}

#[test]
fn a_wrong_file_is_shown_with_its_place_and_fails_with_1() {
    let home = Home::new();
    write(&home, "bad.yaml", wrong());
    let run = home.run(&["sdl", "check", "bad.yaml"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert_eq!(run.stdout, "");
    let line = wrong().lines().position(|it| it.contains("128Foo")).unwrap() + 1;
    assert!(run.stderr.contains(&format!("bad.yaml:{line}:")), "{}", run.stderr);
    assert!(run.stderr.contains("sdl::quantity::syntax"), "{}", run.stderr);
    assert!(run.stderr.contains("error: bad.yaml: 1 error"), "{}", run.stderr);

    let run = home.run(&["sdl", "check", "--format", "short", "bad.yaml"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.starts_with(&format!("bad.yaml:{line}:")), "{}", run.stdout);
    assert!(run.stdout.contains(": error[sdl::quantity::syntax]: "), "{}", run.stdout);
    assert_eq!(run.stdout.lines().count(), 1);
}

#[test]
fn json_holds_every_problem_and_nothing_else_is_written() {
    let home = Home::new();
    write(&home, "bad.yaml", wrong());
    write(&home, "web.yaml", WEB);
    for args in [vec!["--json"], vec!["--format", "json"]] {
        let run = home.run(&[vec!["sdl", "check", "bad.yaml", "web.yaml"], args].concat());
        assert_eq!(run.code, 1);
        assert_eq!(run.stderr, "");
        let report = value(&run);
        assert_eq!(report["ok"], false);
        assert_eq!(report["summary"]["files"], 2);
        assert_eq!(report["summary"]["errors"], 1);
        let it = &report["diagnostics"][0];
        assert_eq!(it["code"], "sdl::quantity::syntax");
        assert_eq!(it["severity"], "error");
        assert_eq!(it["file"], "bad.yaml");
        assert_eq!(it["text"], "128Foo");
        assert_eq!(it["path"], "profiles.compute.web.resources.memory.size");
        assert!(it["span"]["start"]["line"].as_u64().unwrap() > 1);
        assert!(it["message"].is_string() && it["hint"].is_string(), "{it}");
        assert_eq!(report["files"][0]["hash"], Value::Null);
        assert_eq!(report["files"][1]["hash"].as_str().unwrap().len(), 64);
    }
}

#[test]
fn sarif_has_the_shape_that_code_scanning_wants() {
    let home = Home::new();
    write(&home, "a/bad.yaml", wrong());
    write(&home, "b/web.yaml", WEB);
    let run = home.run(&["sdl", "check", "--format", "sarif", "."]);
    assert_eq!(run.code, 1);
    let log = value(&run);
    assert_eq!(log["version"], "2.1.0");
    let runs = log["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    let driver = &runs[0]["tool"]["driver"];
    assert_eq!(driver["name"], "haggle");
    let result = &runs[0]["results"][0];
    assert_eq!(result["ruleId"], "sdl::quantity::syntax");
    assert_eq!(result["level"], "error");
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(driver["rules"][index]["id"], "sdl::quantity::syntax");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a/bad.yaml");
    assert!(place["region"]["startLine"].as_u64().unwrap() > 1);

    // A good file is a log without results, which closes what was open before.
    let log = value(&home.run_ok(&["sdl", "check", "--format", "sarif", "b"]));
    assert_eq!(log["runs"][0]["results"], json!([]));
}

#[test]
fn github_gets_annotations() {
    let home = Home::new();
    write(&home, "bad.yaml", wrong());
    let run = home.run(&["sdl", "check", "--format", "github", "bad.yaml"]);
    assert_eq!(run.code, 1);
    let line = run.stdout.lines().next().unwrap();
    assert!(line.starts_with("::error file=bad.yaml,line="), "{line}");
    assert!(line.contains(",title=sdl%3A%3Aquantity%3A%3Asyntax::"), "{line}");
    assert_eq!(run.stdout.lines().count(), 1, "a hint is on the same line: {}", run.stdout);
}

#[test]
fn warnings_fail_when_asked_to_and_can_be_silenced() {
    let home = Home::new();
    write(&home, "latest.yaml", WEB.replace("image: nginx:stable", "image: nginx:latest"));
    let check = |more: &[&str]| home.run(&[&["sdl", "check", "latest.yaml"], more].concat());
    let run = check(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("sdl::image::latest"), "{}", run.stderr);
    assert!(run.stderr.contains("warning: latest.yaml: 1 warning"), "{}", run.stderr);
    let run = check(&["--strict"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("--strict lets warnings fail"), "{}", run.stderr);
    assert_eq!(check(&["--strict", "--allow", "sdl::image::latest"]).code, 0);
    assert_eq!(check(&["--strict", "--allow", "image"]).code, 0);
    let run = check(&["--deny", "image::latest"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("1 error"), "{}", run.stderr);

    let run = check(&["--allow", "image::lastest"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("did you mean `image::latest`?"), "{}", run.stderr);
    let run = check(&["--allow", "yaml::syntax"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("cannot be allowed"), "{}", run.stderr);
}

#[test]
fn fix_writes_what_did_you_mean_proposes() {
    let home = Home::new();
    let typos = WEB.replace("expose:", "exposes:").replace("profile: web", "profile: wbe");
    let path = write(&home, "typos.yaml", &typos);
    let run = home.run(&["sdl", "check", "typos.yaml"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("--fix mends up to 2"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), typos, "nothing is written without --fix");
    let run = home.run_ok(&["sdl", "check", "--fix", "typos.yaml"]);
    assert!(run.stderr.contains("mended 2 places; typos.yaml: no problems"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), WEB);
    assert_eq!(home.run_with(&["sdl", "check", "--fix", "-"], &typos, &[]).code, 2);
}

#[test]
fn a_budget_is_compared_with_the_price() {
    let home = Home::new();
    let dear = WEB.replace("amount: 1000", "amount: 100000");
    assert_ne!(dear, WEB);
    write(&home, "dear.yaml", dear);
    let budget = |it| home.run(&["sdl", "check", "--strict", "--budget", it, "dear.yaml"]);
    assert!(budget("5 usd/month").stderr.contains("sdl::pricing::budget"));
    assert!(!budget("50000 usd/month").stderr.contains("sdl::pricing::budget"));
    let run = budget("cheap");
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("50 usd/month"), "{}", run.stderr);
}

#[test]
fn what_cannot_be_read_is_2_and_the_rest_is_checked_all_the_same() {
    let home = Home::new();
    write(&home, "bad.yaml", wrong());
    let run = home.run(&["sdl", "check", "none.yaml", "bad.yaml"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("could not read none.yaml: there is no such file"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("sdl::quantity::syntax"), "{}", run.stderr);
    let report = value(&home.run(&["sdl", "check", "none.yaml", "bad.yaml", "--json"]));
    assert_eq!(report["unreadable"][0]["file"], "none.yaml");
    assert_eq!(report["summary"]["errors"], 1);

    // Nothing to check is no success: a CI run would believe in it.
    fs::create_dir(home.path().join("empty")).unwrap();
    let run = home.run(&["sdl", "check", "empty"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("there is no SDL file"), "{}", run.stderr);
    assert_eq!(home.run(&["sdl", "check", "--format", "pretty", "bad.yaml"]).code, 2);
}

#[test]
fn what_is_no_text_is_a_problem_with_a_place() {
    let home = Home::new();
    write(&home, "latin.yaml", b"version: \"2.0\"\nservices:\n  caf\xe9: x\n");
    let run = home.run(&["sdl", "check", "--format", "short", "latin.yaml"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stdout.starts_with("latin.yaml:3:6: error[sdl::file::encoding]"), "{}", run.stdout);
    // UTF-16 with a mark is text.
    let bytes: Vec<u8> =
        format!("\u{feff}{WEB}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    write(&home, "utf16.yaml", bytes);
    write(&home, "web.yaml", WEB);
    let hash = |name| home.run_ok(&["sdl", "hash", name]).stdout;
    assert_eq!(hash("utf16.yaml"), hash("web.yaml"));
}

#[test]
fn a_huge_file_and_an_endless_one_are_refused_unread() {
    let home = Home::new();
    let path = write(&home, "big.yaml", "services:\nprofiles:\n");
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(1 << 33).unwrap();
    for name in ["big.yaml", "/dev/zero", "."] {
        let run = home.run(&["sdl", "check", "--format", "short", name]);
        assert_eq!(run.code, 1, "{name}: {}", run.stderr);
        assert!(run.stdout.contains("sdl::file::too-large"), "{name}: {}", run.stdout);
    }
    let run = home.run(&["sdl", "hash", "/dev/zero"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
}

#[test]
fn standard_input_is_a_file_with_a_name_of_ones_choice() {
    let home = Home::new();
    let run = home.run_with(&["sdl", "check", "-", "--format", "short"], &wrong(), &[]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.starts_with("<stdin>:"), "{}", run.stdout);
    let args = ["sdl", "check", "-", "--stdin-name", "x.yaml", "--format", "short"];
    assert!(home.run_with(&args, &wrong(), &[]).stdout.starts_with("x.yaml:"));
    assert_eq!(home.run_with(&["sdl", "hash", "-"], WEB, &[]).code, 0);
}

#[test]
fn of_a_folder_the_deployment_files_are_checked_in_order() {
    let home = Home::new();
    write(&home, "z/b.yaml", wrong());
    write(&home, "z/a.yml", WEB);
    write(&home, "compose.yaml", "services:\n  web:\n    image: nginx\n");
    write(&home, "z/kube.yaml", "apiVersion: v1\nkind: Deployment\n");
    write(&home, "z/notes.txt", &wrong());
    write(&home, ".git/c.yaml", &wrong());
    write(&home, "node_modules/x/d.yaml", &wrong());
    // A link back up is no way to run forever, and a pipe nobody writes to is not opened.
    symlink(home.path(), home.path().join("z/loop")).unwrap();
    let pipe = home.path().join("z/pipe.yaml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let report = value(&home.run(&["sdl", "check", "--json", "."]));
    let names: Vec<_> = report["files"].as_array().unwrap().iter().map(|it| &it["file"]).collect();
    assert_eq!(names, ["z/a.yml", "z/b.yaml"]);
    assert_eq!(report["summary"]["skipped"], 2);
    // What is named outright is checked, whatever it looks like.
    assert_eq!(home.run(&["sdl", "check", "compose.yaml"]).code, 1);
    let run = home.run(&["sdl", "check", "z"]);
    assert!(run.stderr.contains("2 files: 1 error in 1 file; 1 YAML file is something else"));
}

#[test]
fn a_thousand_files_are_checked() {
    let home = Home::new();
    let wrong = wrong();
    for at in 0..1000 {
        let text = if at == 500 { wrong.as_str() } else { WEB };
        write(&home, &format!("{}/{at}.yaml", at % 10), text);
    }
    let run = home.run(&["sdl", "check", "."]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("1000 files: 1 error in 1 file"), "{}", run.stderr);
    let run = home.run(&["sdl", "check", "--format", "short", "."]);
    assert_eq!(run.stdout.lines().count(), 1);
    assert!(run.stdout.starts_with("0/500.yaml:"), "{}", run.stdout);
}

#[test]
fn settings_that_are_broken_do_not_matter() {
    let home = Home::new();
    write(&home, "web.yaml", WEB);
    write(&home, "haggle.toml", "nonsense = ");
    home.run_ok(&["sdl", "check", "web.yaml"]);
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let home = Home::new();
    write(&home, "web.yaml", WEB);
    for command in [&["sdl", "rules"][..], &["sdl", "schema"], &["sdl", "manifest", "web.yaml"]] {
        let mut child = home
            .command()
            .args(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        child.wait().unwrap();
        assert_eq!(said, "", "{command:?}");
    }
}

#[test]
fn hash_manifest_and_groups_agree_and_are_pure() {
    let home = Home::new();
    write(&home, "stack.yaml", STACK);
    let hash = home.run_ok(&["sdl", "hash", "stack.yaml"]);
    assert_eq!(hash.stderr, "");
    assert_eq!(hash.stdout.len(), 65);
    let manifest = home.run_ok(&["sdl", "manifest", "stack.yaml"]);
    assert_eq!(sha256(manifest.stdout.as_bytes()), hash.stdout.trim_end());
    let pretty = home.run_ok(&["sdl", "manifest", "--pretty", "stack.yaml"]);
    assert!(pretty.stdout.lines().count() > 20);
    assert_eq!(value(&pretty), value(&manifest));
    assert_eq!(home.run_ok(&["sdl", "manifest", "--json", "stack.yaml"]).stdout, manifest.stdout);
    let groups = value(&home.run_ok(&["sdl", "groups", "stack.yaml"]));
    assert_eq!(groups[0]["name"], "anywhere");
    assert_eq!(groups[0]["resources"].as_array().unwrap().len(), 2);
    let as_json = value(&home.run_ok(&["sdl", "hash", "--json", "stack.yaml"]));
    assert_eq!(as_json["hash"], hash.stdout.trim_end());

    write(&home, "bad.yaml", wrong());
    for command in ["hash", "manifest", "groups", "explain"] {
        let run = home.run(&["sdl", command, "bad.yaml"]);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{command}");
        assert!(run.stderr.contains("128Foo"), "{command}: {}", run.stderr);
        let run = home.run(&["sdl", command, "bad.yaml", "--json"]);
        assert_eq!((run.code, run.stderr.as_str()), (1, ""), "{command}");
        assert_eq!(value(&run)["error"]["detail"][0]["code"], "sdl::quantity::syntax");
        let run = home.run(&["sdl", command, "none.yaml"]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{command}");
    }
}

#[test]
fn the_fixtures_come_out_of_the_binary_as_recorded() {
    let Some(fixtures) = fixtures() else { return };
    let home = Home::new();
    let mut seen = 0;
    for version in ["v2.0", "v2.1"] {
        for case in fs::read_dir(fixtures.join("parity").join(version)).unwrap() {
            let case = case.unwrap().path();
            let input = case.join("input.yaml").display().to_string();
            let hash = home.run_ok(&["sdl", "hash", &input]).stdout;
            let recorded = fs::read_to_string(case.join("version.hex")).unwrap();
            assert_eq!(hash.trim(), recorded.trim(), "{input}");
            let groups = value(&home.run_ok(&["sdl", "groups", &input]));
            let recorded = fs::read_to_string(case.join("group-specs.json")).unwrap();
            assert_eq!(groups, serde_json::from_str::<Value>(&recorded).unwrap(), "{input}");
            seen += 1;
        }
    }
    assert_eq!(seen, 8);

    let real = fixtures.join("real").display().to_string();
    let run = home.run(&["sdl", "check", "--json", &real]);
    assert_eq!(run.code, 1);
    let report = value(&run);
    let files = report["files"].as_array().unwrap();
    assert_eq!(files.len(), 191);
    for it in files {
        let name = it["file"].as_str().unwrap();
        let recorded = fs::read_to_string(format!("{name}.go.expected.json")).unwrap();
        let recorded: Value = serde_json::from_str(&recorded).unwrap();
        assert_eq!(it["hash"], recorded["manifestVersionHex"], "{name}");
    }
}

#[test]
fn explain_says_what_is_ordered_and_what_it_may_cost() {
    let home = Home::new();
    write(&home, "stack.yaml", STACK);
    let run = home.run_ok(&["sdl", "explain", "stack.yaml"]);
    for word in ["nginx:stable", "redis:7", "128 MiB", "stack.localhost", "6379", "month", "hour"] {
        assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
    }
    // Every line fits, but for what cannot be broken, such as a hash.
    let narrow = home.run_with(&["sdl", "explain", "stack.yaml"], "", &[("COLUMNS", "60")]);
    for line in narrow.stdout.lines() {
        let is_one_word = line.split_whitespace().any(|it| it.len() > 45);
        assert!(line.chars().count() <= 60 || is_one_word, "{line}");
    }
    let explained = value(&home.run_ok(&["sdl", "explain", "--json", "stack.yaml"]));
    assert_eq!(explained["groups"][0]["services"].as_array().unwrap().len(), 2);
    assert_eq!(
        explained["version"].as_str().unwrap(),
        home.run_ok(&["sdl", "hash", "stack.yaml"]).stdout.trim_end()
    );
    assert_eq!(home.run(&["sdl", "explain", "--akt-price", "0", "stack.yaml"]).code, 2);

    write(&home, "akt.yaml", WEB.replace("denom: uact", "denom: uakt"));
    let without = home.run_ok(&["sdl", "explain", "akt.yaml"]).stdout;
    let with = home.run_ok(&["sdl", "explain", "akt.yaml", "--akt-price", "2"]).stdout;
    assert_ne!(without, with);
}

/// The same meaning, in another layout.
const UGLY: &str = "# what it is\nversion: \"2.0\"   # the version\nservices:\n     web:\n          image:   nginx:stable\n          expose:\n          - port:   80\n            to:\n            - global:   true\nprofiles: {compute: {web: {resources: {cpu: {units: 1}, memory: {size: 128Mi}, storage: {size: 256Mi}}}}, placement: {dc: {pricing: {web: {denom: uact, amount: 1000}}}}}\ndeployment:\n  web:\n    dc:\n      profile: web\n      count: 1\n";

#[test]
fn fmt_rewrites_in_place_keeps_comments_meaning_permissions_and_links() {
    let home = Home::new();
    let path = write(&home, "real/ugly.yaml", UGLY);
    let link = home.path().join("link.yaml");
    symlink(&path, &link).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let before = home.run_ok(&["sdl", "hash", "link.yaml"]).stdout;
    let groups = home.run_ok(&["sdl", "groups", "link.yaml"]).stdout;

    let run = home.run(&["sdl", "fmt", "--check", "link.yaml"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, "link.yaml\n"), "{}", run.stderr);
    let run = home.run(&["sdl", "fmt", "--diff", "link.yaml"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("\n-          image:   nginx:stable\n"), "{}", run.stdout);
    assert!(run.stdout.contains("\n+    image: nginx:stable\n"), "{}", run.stdout);
    assert_eq!(fs::read_to_string(&path).unwrap(), UGLY, "neither wrote anything");

    let run = home.run_ok(&["sdl", "fmt", "link.yaml"]);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("formatted 1 file"), "{}", run.stderr);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("# what it is") && text.contains("# the version"), "{text}");
    assert!(text.contains("\n    image: nginx:stable\n"), "{text}");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    let left: Vec<_> = fs::read_dir(home.path().join("real")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left beside it: {left:?}");
    assert_eq!(home.run_ok(&["sdl", "hash", "link.yaml"]).stdout, before);
    assert_eq!(home.run_ok(&["sdl", "groups", "link.yaml"]).stdout, groups);

    assert_eq!(home.run_ok(&["sdl", "fmt", "--check", "."]).stdout, "");
    assert_eq!(home.run_ok(&["sdl", "fmt", "--diff", "."]).stdout, "");
    let run = home.run_ok(&["sdl", "fmt", "link.yaml"]);
    assert!(run.stderr.contains("1 file is formatted already"), "{}", run.stderr);
    let run = home.run_with(&["sdl", "fmt", "-"], UGLY, &[]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, text.as_str(), ""));
}

#[test]
fn fmt_leaves_alone_what_it_cannot_read_or_write() {
    let home = Home::new();
    let broken = "version: \"2.0\"\nservices: [\nprofiles:\n";
    let path = write(&home, "broken.yaml", broken);
    write(&home, "ugly.yaml", UGLY);
    let run = home.run(&["sdl", "fmt", "."]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("broken.yaml:"), "{}", run.stderr);
    assert!(run.stderr.contains("formatted 1 file, 1 file left alone"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), broken);
    let run = home.run_with(&["sdl", "fmt", "-"], broken, &[]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert_eq!(home.run(&["sdl", "fmt", "none.yaml"]).code, 2);
    assert_eq!(home.run(&["sdl", "fmt"]).code, 2);
}

#[test]
fn fmt_tells_a_program_what_it_did() {
    let home = Home::new();
    write(&home, "ugly.yaml", UGLY);
    let run = home.run(&["sdl", "fmt", "--check", "--json", "."]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    assert_eq!(value(&run)["changed"], json!(["ugly.yaml"]));
    assert_eq!(
        value(&home.run_ok(&["sdl", "fmt", "--json", "."]))["changed"],
        json!(["ugly.yaml"])
    );
    assert_eq!(value(&home.run_ok(&["sdl", "fmt", "--json", "."]))["unchanged"], 1);
}

#[test]
fn diff_says_what_an_update_asks_for() {
    let home = Home::new();
    write(&home, "old.yaml", WEB);
    write(&home, "image.yaml", WEB.replace("nginx:stable", "nginx:1.27"));
    write(&home, "memory.yaml", WEB.replace("128Mi", "256Mi"));
    write(&home, "same.yaml", format!("# a comment\n{WEB}"));
    let diff =
        |new: &str, more: &[&str]| home.run(&[&["sdl", "diff", "old.yaml", new], more].concat());
    for (new, verdict, code) in [
        ("same.yaml", "nothing", 0),
        ("image.yaml", "manifest_update", 10),
        ("memory.yaml", "new_deployment", 11),
    ] {
        let run = diff(new, &["--json"]);
        assert_eq!(run.code, 0, "{}", run.stdout);
        assert_eq!(value(&run)["verdict"], verdict);
        let run = diff(new, &["--exit-code"]);
        assert_eq!(run.code, code, "{new}");
        assert!(!run.stdout.is_empty());
        assert_eq!(run.stderr, "");
    }
    let run = diff("image.yaml", &[]);
    assert!(run.stdout.contains("nginx:1.27"), "{}", run.stdout);
    write(&home, "bad.yaml", wrong());
    assert_eq!(diff("bad.yaml", &[]).code, 1);
    assert_eq!(diff("none.yaml", &[]).code, 2);
    assert_eq!(home.run(&["sdl", "diff", "-", "-"]).code, 2);
    let run = home.run_with(&["sdl", "diff", "-", "image.yaml", "--exit-code"], WEB, &[]);
    assert_eq!(run.code, 10);
}

#[test]
fn the_schema_is_json_schema_2020_12() {
    let home = Home::new();
    let run = home.run_ok(&["sdl", "schema"]);
    let schema = value(&run);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["properties"]["services"].is_object());
    assert!(run.stdout.lines().count() > 100);
    assert_eq!(home.run_ok(&["sdl", "schema", "--compact"]).stdout.lines().count(), 1);
}

#[test]
fn rules_explain_themselves() {
    let home = Home::new();
    let list = value(&home.run_ok(&["sdl", "rules", "--json"]));
    assert!(list.as_array().unwrap().len() > 80);
    let shown = home.run_ok(&["sdl", "rules"]).stdout;
    for it in list.as_array().unwrap() {
        let short = it["code"].as_str().unwrap().strip_prefix("sdl::").unwrap();
        assert!(shown.lines().any(|line| line.trim_start().starts_with(short)), "{it}");
    }
    let run = home.run_ok(&["sdl", "rules", "image::latest"]);
    for word in
        ["sdl::image::latest (warning)", "Wrong:", "Right:", "# haggle: allow image::latest"]
    {
        assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
    }
    let one = value(&home.run_ok(&["sdl", "rules", "sdl::image::latest", "--json"]));
    assert!(one["wrong"].as_str().unwrap().contains("image:"));
    let narrow = home.run_with(&["sdl", "rules"], "", &[("COLUMNS", "60")]).stdout;
    assert!(narrow.lines().all(|it| it.chars().count() <= 60), "{narrow}");
    // A family is a list.
    let family = value(&home.run_ok(&["sdl", "rules", "yaml", "--json"]));
    assert!(family.as_array().unwrap().len() > 3);
    let run = home.run(&["sdl", "rules", "image::lates"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("did you mean `image::latest`?"), "{}", run.stderr);
}

const COMPOSE: &str = "services:\n  web:\n    image: nginx:${TAG}\n    ports: [\"8080:80\"]\n    depends_on: [db]\n    env_file: web.env\n  db:\n    image: postgres:17\n    environment:\n      POSTGRES_PASSWORD: ${SECRET:-s3cret}\n    volumes: [\"data:/var/lib/postgresql/data\"]\nvolumes:\n  data: {}\n";

#[test]
fn a_compose_file_becomes_sdl_and_what_is_lost_is_said() {
    let home = Home::new();
    write(&home, "app/compose.yaml", COMPOSE);
    write(&home, "app/.env", "# a comment\nTAG=1.26\n");
    write(&home, "app/web.env", "GREETING=hello\n");
    let run = home.run_ok(&["sdl", "from-compose", "app/compose.yaml"]);
    assert!(run.stdout.contains("image: nginx:1.26\n"), "{}", run.stdout);
    assert!(run.stdout.contains("GREETING=hello"), "{}", run.stdout);
    assert!(run.stderr.contains("depends_on"), "{}", run.stderr);
    let check = home.run_with(&["sdl", "check", "-"], &run.stdout, &[]);
    assert_eq!(check.code, 0, "{}", check.stderr);

    let run = home.run_ok(&["sdl", "from-compose", "app/compose.yaml", "--env", "TAG=1.27"]);
    assert!(run.stdout.contains("image: nginx:1.27\n"), "{}", run.stdout);
    let converted = value(&home.run_ok(&["sdl", "from-compose", "app/compose.yaml", "--json"]));
    assert!(converted["sdl"].as_str().unwrap().contains("services:"));
    assert!(!converted["notes"].as_array().unwrap().is_empty());

    let write = ["sdl", "from-compose", "app/compose.yaml", "-o", "out.yaml"];
    let run = home.run_ok(&write);
    assert_eq!(run.stdout, "");
    assert!(home.path().join("out.yaml").exists());
    let run = home.run(&write);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("out.yaml is there already"), "{}", run.stderr);
    home.run_ok(&[&write[..], &["--force"]].concat());

    let run = home.run_with(&["sdl", "from-compose", "-"], "nonsense: [", &[]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    let run = home.run(&["sdl", "from-compose", "app/compose.yaml", "--env-file", "none.env"]);
    assert_eq!(run.code, 2);
    assert_eq!(home.run(&["sdl", "from-compose", "app/compose.yaml", "--env", "TAG"]).code, 2);
}

#[test]
fn a_compose_file_does_not_get_at_files_elsewhere() {
    let home = Home::new();
    write(&home, "secret.env", "TOKEN=hidden\n");
    let elsewhere = COMPOSE.replace("web.env", "../secret.env");
    write(&home, "app/compose.yaml", elsewhere);
    let run = home.run(&["sdl", "from-compose", "app/compose.yaml", "--env", "TAG=1"]);
    assert!(!run.stdout.contains("hidden"), "{}", run.stdout);
}

/// One message of the protocol.
fn frame(message: &Value) -> String {
    let text = message.to_string();
    format!("Content-Length: {}\r\n\r\n{text}", text.len())
}

fn next_message(from: &mut impl BufRead) -> Value {
    let mut length = 0;
    loop {
        let mut line = String::new();
        assert_ne!(from.read_line(&mut line).unwrap(), 0, "the server left");
        match line.trim().split_once(": ") {
            Some(("Content-Length", it)) => length = it.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn the_language_server_answers_over_stdio() {
    let home = Home::new();
    let mut child = home
        .command()
        .args(["sdl", "lsp", "--stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut from = BufReader::new(child.stdout.take().unwrap());
    let mut send = |message: Value| to.write_all(frame(&message).as_bytes()).unwrap();
    send(
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "capabilities": {} } }),
    );
    let answer = next_message(&mut from);
    assert_eq!(answer["id"], 1);
    assert!(
        answer["result"]["capabilities"]["hoverProvider"].is_boolean()
            || answer["result"]["capabilities"]["hoverProvider"].is_object(),
        "{answer}"
    );
    send(json!({ "jsonrpc": "2.0", "method": "initialized", "params": {} }));
    let document =
        json!({ "uri": "file:///bad.yaml", "languageId": "yaml", "version": 1, "text": wrong() });
    send(
        json!({ "jsonrpc": "2.0", "method": "textDocument/didOpen", "params": { "textDocument": document } }),
    );
    let published = loop {
        let message = next_message(&mut from);
        if message["method"] == "textDocument/publishDiagnostics" {
            break message;
        }
    };
    let line = wrong().lines().position(|it| it.contains("128Foo")).unwrap();
    assert_eq!(published["params"]["diagnostics"][0]["code"], "sdl::quantity::syntax");
    assert_eq!(published["params"]["diagnostics"][0]["range"]["start"]["line"], line);
    send(json!({ "jsonrpc": "2.0", "id": 2, "method": "shutdown" }));
    while next_message(&mut from)["id"] != 2 {}
    send(json!({ "jsonrpc": "2.0", "method": "exit" }));
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_editor_that_vanishes_ends_the_language_server() {
    let home = Home::new();
    // Standard input is closed at once.
    let run = home.run(&["sdl", "lsp"]);
    assert_eq!(run.stdout, "");
}

#[test]
fn deploy_tells_the_same_problems() {
    let home = Home::new();
    write(&home, "bad.yaml", wrong());
    let check = home.run(&["sdl", "check", "--quiet", "bad.yaml"]);
    let deploy = home.run(&["deploy", "bad.yaml", "--dry-run"]);
    assert_eq!(deploy.code, 2);
    assert!(
        deploy.stderr.starts_with(check.stderr.trim_end()),
        "{}\n{}",
        check.stderr,
        deploy.stderr
    );
    write(&home, "latin.yaml", b"version: \"2.0\"\nservices:\n  caf\xe9: x\n");
    let run = home.run(&["deploy", "latin.yaml", "--dry-run"]);
    assert!(run.stderr.contains("latin.yaml:3:6"), "{}", run.stderr);
}

#[test]
fn new_writes_a_file_that_compiles_and_overwrites_nothing() {
    let home = Home::new();
    let run = home.run_ok(&["sdl", "new", "nginx:1.28", "--yes"]);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("wrote deploy.yaml"), "{}", run.stderr);
    let text = fs::read_to_string(home.path().join("deploy.yaml")).unwrap();
    assert!(text.contains("image: nginx:1.28\n"), "{text}");
    home.run_ok(&["sdl", "check", "--strict", "deploy.yaml"]);
    home.run_ok(&["sdl", "fmt", "--check", "deploy.yaml"]);

    let run = home.run(&["sdl", "new", "redis:7", "--yes"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("deploy.yaml is there already"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(home.path().join("deploy.yaml")).unwrap(), text);
    home.run_ok(&["sdl", "new", "redis:7", "--yes", "--force", "--ports", "6379/tcp"]);
    let text = fs::read_to_string(home.path().join("deploy.yaml")).unwrap();
    assert!(text.contains("image: redis:7\n"), "{text}");
}

#[test]
fn new_takes_every_answer_as_a_flag() {
    let home = Home::new();
    let run = home.run_ok(&[
        "sdl",
        "new",
        "ghcr.io/me/app:1.4",
        "-o",
        "-",
        "--name",
        "shop",
        "--ports",
        "8080/http,9000/internal",
        "--hosts",
        "shop.example.com",
        "--size",
        "medium",
        "--memory",
        "3Gi",
        "--volume",
        "/data",
        "--volume-size",
        "20Gi",
        "--env",
        "GREETING=it's a word",
        "--env",
        "LOG=info",
        "--replicas",
        "2",
        "--budget",
        "40 usd/month",
        "--region",
        "us-west",
    ]);
    assert_eq!(run.stderr, "");
    for word in ["shop:", "8080", "shop.example.com", "3Gi", "/data", "20Gi", "count: 2", "us-west"]
    {
        assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
    }
    let manifest = home.run_with(&["sdl", "manifest", "-"], &run.stdout, &[]);
    let env = &value(&manifest)[0]["services"][0]["env"];
    assert_eq!(env, &json!(["GREETING=it's a word", "LOG=info"]));
    let explained = home.run_with(&["sdl", "explain", "-", "--json"], &run.stdout, &[]);
    assert_eq!(value(&explained)["total"]["replicas"], 2);
    // What it may cost is within the budget.
    let check = |budget| {
        let args = ["sdl", "check", "-", "--budget", budget, "--format", "short"];
        home.run_with(&args, &run.stdout, &[]).stdout.contains("pricing::budget")
    };
    assert!(!check("40") && check("20"));
}

#[test]
fn new_says_which_answer_cannot_be_used() {
    let home = Home::new();
    let new = |more: &[&str]| home.run(&[&["sdl", "new", "--yes"], more].concat());
    let run = new(&["nginx:1.28", "--size", "giant", "--replicas", "0"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("size: ") && run.stderr.contains("replicas: "), "{}", run.stderr);
    assert_eq!(new(&["nginx:1.28", "--budget", "cheap"]).code, 2);
    assert_eq!(new(&["nginx:1.28", "--env", "NAME"]).code, 2);
    assert_eq!(new(&["nginx:1.28", "-o", "no/such/folder.yaml"]).code, 2);
    let run = new(&[]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("which image?"), "{}", run.stderr);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing was written");
    let made = value(&new(&["nginx:1.28", "--json"]));
    assert_eq!(made["file"], "deploy.yaml");
}

#[test]
fn the_wizard_asks_on_a_terminal_and_shows_what_it_writes() {
    let home = Home::new();
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("skipped: there is no `script` to make a terminal with");
        return;
    }
    let talk = |typed: &str| {
        let line = format!("{} sdl new", common::BINARY);
        let mut child = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .current_dir(home.path())
            .env("HAGGLE_HOME", home.path())
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    // The image and the answer to "Write?"; everything else takes its default.
    let (code, said) = talk(&format!("nginx:1.28\n{}", "\n".repeat(20)));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Container image") && said.contains("Write deploy.yaml"), "{said}");
    let text = fs::read_to_string(home.path().join("deploy.yaml")).unwrap();
    assert!(text.contains("image: nginx:1.28\n"), "{text}");
    // It does not ask for what it will not write.
    let (code, said) = talk("");
    assert_eq!(code, Some(2));
    assert!(!said.contains("Container image"), "{said}");
}
