//! `haggle sdl check` and what a file compiles to, as a user, an editor and a CI system run it.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use std::{
    fs,
    io::Read,
    os::unix::fs::symlink,
    process::{Command, Stdio},
};

use common::{
    Home,
    sdl::{STACK, WEB, fixtures, sha256, value, write, wrong},
};
use serde_json::{Value, json};

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
    write(&home, "z/notes.txt", wrong());
    write(&home, ".git/c.yaml", wrong());
    write(&home, "node_modules/x/d.yaml", wrong());
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
fn a_hook_that_names_every_yaml_file_is_not_in_the_way() {
    let home = Home::new();
    let compose = "services:\n  web:\n    image: nginx\n";
    let path = write(&home, "compose.yaml", compose);
    write(&home, "bad.yaml", wrong());
    home.run_ok(&["sdl", "check", "--skip-others", "compose.yaml"]);
    home.run_ok(&["sdl", "fmt", "--skip-others", "compose.yaml"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), compose);
    let run = home.run(&["sdl", "check", "--skip-others", "--json", "compose.yaml", "bad.yaml"]);
    assert_eq!(run.code, 1);
    assert_eq!(value(&run)["files"].as_array().unwrap().len(), 1);
    // A name that is wrong is still said.
    assert_eq!(home.run(&["sdl", "check", "--skip-others", "none.yaml"]).code, 2);
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
