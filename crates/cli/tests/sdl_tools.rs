//! The tools of `haggle sdl`: explain, fmt, diff, new, from-compose, rules, schema, lsp.

#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a failing test may panic, and a skipped one says so"
)]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::{PermissionsExt, symlink},
    process::{Command, Stdio},
};

use common::{
    Home,
    sdl::{STACK, WEB, value, write, wrong},
};
use serde_json::{Value, json};

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
