//! The binary as a user runs it, without a node.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use std::net::TcpListener;

use common::Home;
use serde_json::Value;

const ABANDON: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                       abandon abandon about";

/// An address where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn help_is_as_written_down() {
    let home = Home::new();
    let mut wrong = Vec::new();
    for command in [
        "deploy",
        "sdl",
        "sdl check",
        "sdl explain",
        "sdl fmt",
        "sdl diff",
        "sdl new",
        "sdl from-compose",
        "sdl rules",
        "sdl groups",
        "sdl manifest",
        "sdl hash",
        "sdl schema",
        "sdl lsp",
        "status",
        "logs",
        "close",
        "deployments",
        "orders",
        "bids",
        "leases",
        "keys",
        "keys add",
        "keys import",
        "keys list",
        "keys show",
        "keys export",
        "keys delete",
        "cert",
        "cert create",
        "cert list",
        "cert revoke",
        "limits",
        "limits grant",
        "limits show",
        "limits revoke",
        "config",
        "config show",
        "completion",
        "query bank balance",
        "query deployment deployments",
        "tx bank send",
        "tx market create-lease",
    ] {
        let args: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let run = home.run(&args);
        assert_eq!(run.code, 0, "{command}: {}", run.stderr);
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/help")
            .join(format!("{}.txt", command.replace(' ', "-")));
        if std::env::var_os("HAGGLE_UPDATE_SNAPSHOTS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &run.stdout).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != run.stdout {
            wrong.push(command);
        }
    }
    assert!(
        wrong.is_empty(),
        "help of {wrong:?} changed; look at it, then run this test with HAGGLE_UPDATE_SNAPSHOTS=1"
    );
}

#[test]
fn every_command_of_the_help_has_a_help_of_its_own_and_exit_codes_are_told() {
    let home = Home::new();
    let run = home.run(&["--help"]);
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains("Exit codes:"));
    let commands = run.stdout.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let names: Vec<&str> = commands
        .lines()
        .filter(|it| it.starts_with("  ") && !it.starts_with("   "))
        .filter_map(|it| it.split_whitespace().next())
        .collect();
    assert!(names.len() > 12, "{names:?}");
    for name in names.into_iter().filter(|it| *it != "help") {
        let run = home.run(&[name, "--help"]);
        assert_eq!(run.code, 0, "{name}");
        let low = run.stdout.to_lowercase();
        assert!(!low.contains("todo") && !low.contains("not implemented"), "{name}");
    }
}

#[test]
fn a_word_that_is_no_command_is_wrong_input() {
    let home = Home::new();
    let run = home.run(&["deploi"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("deploy"), "{}", run.stderr);
}

#[test]
fn a_wrong_sdl_names_the_place_and_nothing_is_sent() {
    let home = Home::new();
    home.run_ok(&["keys", "add", "alice"]);
    let web = include_str!("../../../examples/web.yaml");
    let bad = web.replace("size: 128Mi", "size: 128Foo");
    let line = bad.lines().position(|it| it.contains("128Foo")).unwrap() + 1;
    let file = home.path().join("bad.yaml");
    std::fs::write(&file, bad).unwrap();
    // A node that would notice if anybody talked to it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let node = format!("http://{}", listener.local_addr().unwrap());
    let file = file.display().to_string();

    let run = home.run(&["deploy", &file, "--node", &node]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains(&format!("bad.yaml:{line}:")), "{}", run.stderr);
    assert!(run.stderr.contains("128Foo"), "{}", run.stderr);
    assert!(run.stderr.contains("nothing was sent"), "{}", run.stderr);
    assert_eq!(run.stdout, "");

    let run = home.run(&["deploy", &file, "--node", &node, "--json"]);
    assert_eq!(run.code, 2);
    assert_eq!(run.stderr, "");
    let error: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(error["error"]["exit_code"], 2);
    assert!(error["error"]["detail"].to_string().contains(&line.to_string()), "{error}");
    assert!(listener.accept().is_err(), "somebody talked to the node");
}

#[test]
fn a_good_sdl_is_shown_without_a_node() {
    let home = Home::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/web.yaml");
    let run = home.run_ok(&["deploy", file, "--dry-run", "--json"]);
    let shown: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(shown["hash"].as_str().unwrap().len(), 64);
    assert_eq!(shown["manifest"][0]["services"][0]["name"], "web");
}

#[test]
fn a_missing_file_is_wrong_input() {
    let home = Home::new();
    let run = home.run(&["deploy", "no-such.yaml"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("could not read no-such.yaml"), "{}", run.stderr);
}

#[test]
fn a_node_that_does_not_answer_is_one_clear_sentence() {
    let home = Home::new();
    let node = nobody();
    for command in [
        vec!["status"],
        vec!["orders", "--all"],
        vec!["query", "bank", "params"],
        vec!["query", "deployment", "deployments", "--owner", "akash1x"],
    ] {
        let mut args = command.clone();
        args.extend(["--node", &node]);
        let run = home.run(&args);
        assert_eq!(run.code, 3, "{command:?}: {}", run.stderr);
        let lines: Vec<&str> = run.stderr.lines().collect();
        assert!(lines[0].starts_with("error: could not "), "{}", run.stderr);
        assert!(lines[0].contains(&format!("no answer from the node at {node}")), "{}", run.stderr);
        assert!(lines.last().unwrap().trim().starts_with("try: "), "{}", run.stderr);
        assert_eq!(run.stdout, "");

        args.push("--json");
        let run = home.run(&args);
        let error: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(error["error"]["exit_code"], 3);
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn a_flag_of_a_query_that_is_wrong_is_said_before_anybody_is_asked() {
    let home = Home::new();
    let node = nobody();
    let args = ["query", "deployment", "deployment", "--dseq", "many", "--node", &node];
    let run = home.run(&args);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("dseq"), "{}", run.stderr);
}

#[test]
fn a_key_is_made_listed_exported_imported_and_deleted() {
    let home = Home::new();
    let made: Value =
        serde_json::from_str(&home.run_ok(&["keys", "add", "alice", "--json"]).stdout).unwrap();
    let address = made["address"].as_str().unwrap();
    assert_eq!(made["phrase"].as_str().unwrap().split(' ').count(), 24);
    let listed = home.run_ok(&["keys", "list"]).stdout;
    assert!(listed.contains("alice") && listed.contains(address), "{listed}");
    assert!(home.run_ok(&["keys", "show", address]).stdout.contains("alice"));

    let exported = home.run_ok(&["keys", "export", "alice"]).stdout;
    let other = Home::new();
    let run = other.run_with(&["keys", "import", "copy", "--hex", "--json"], &exported, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let copy: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(copy["address"], made["address"]);

    // The phrase gives the same key.
    let third = Home::new();
    let phrase = made["phrase"].as_str().unwrap();
    let run = third.run_with(&["keys", "import", "alice", "--json"], phrase, &[]);
    let copy: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(copy["address"], made["address"]);

    assert_eq!(home.run(&["keys", "delete", "alice"]).code, 2);
    home.run_ok(&["keys", "delete", "alice", "--yes"]);
    assert_eq!(home.run(&["keys", "show", "alice"]).code, 6);
}

#[test]
fn a_known_phrase_gives_the_known_address() {
    let home = Home::new();
    let run = home.run_with(&["keys", "import", "test"], ABANDON, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("akash19rl4cm2hmr8afy4kldpxz3fka4jguq0a3mq6x0"), "{}", run.stdout);
    let path = ["keys", "import", "second", "--path", "m/44'/118'/0'/0/1"];
    let run = home.run_with(&path, ABANDON, &[]);
    assert!(run.stdout.contains("akash1jrkmdcwgq94uaamx6zax2luewlhf7u4k3rtk0c"), "{}", run.stdout);
    let run = home.run_with(&["keys", "import", "third"], "not a phrase", &[]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("not a recovery phrase"), "{}", run.stderr);
}

#[test]
fn a_wrong_password_does_not_open_a_key() {
    let home = Home::new();
    home.run_ok(&["keys", "add", "alice"]);
    let wrong = [("HAGGLE_KEYRING_PASSWORD", "wrong")];
    let run = home.run_with(&["keys", "export", "alice"], "", &wrong);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("password of the keyring is wrong"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

#[test]
fn settings_show_where_they_come_from_and_an_unknown_one_is_refused() {
    let home = Home::new();
    std::fs::write(home.path().join("haggle.toml"), "chain_id = \"file-1\"\ntx_wait_s = 5\n")
        .unwrap();
    let env = [("HAGGLE_NODE", "http://env:1"), ("HAGGLE_TX_WAIT_S", "7")];
    let args = ["config", "show", "--json", "--from", "alice"];
    let run = home.run_with(&args, "", &env);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let shown: Value = serde_json::from_str(&run.stdout).unwrap();
    let of = |key: &str| {
        let list = shown["settings"].as_array().unwrap();
        list.iter().find(|it| it["key"] == key).unwrap().clone()
    };
    assert_eq!(of("node")["value"], "http://env:1");
    assert_eq!(of("node")["source"], "environment variable HAGGLE_NODE");
    assert_eq!(of("tx_wait_s")["value"], "7");
    assert!(of("chain_id")["source"].as_str().unwrap().ends_with("haggle.toml"));
    assert_eq!(of("from")["source"], "command line");
    assert_eq!(of("gas_price")["source"], "default");

    std::fs::write(home.path().join("haggle.toml"), "nodes = \"x\"\n").unwrap();
    let run = home.run(&["config", "show"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("nodes"), "{}", run.stderr);
    // Completions work even so: a broken file must not break the shell.
    assert_eq!(home.run(&["completion", "bash"]).code, 0);
}

#[test]
fn completions_know_commands_modules_and_messages() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = home.run_ok(&["completion", shell]).stdout;
        // Fish takes commands and modules; its generator leaves out values of arguments.
        let words = ["deploy", "deployment", "max-price", "create-lease"];
        for word in &words[..if shell == "fish" { 3 } else { 4 }] {
            assert!(text.contains(word), "{shell} {word}");
        }
        assert!(text.len() < 600_000, "{shell}: {} bytes at every start of a shell", text.len());
    }
}

#[test]
fn an_unsigned_transaction_is_printed_without_a_node() {
    let home = Home::new();
    home.run_with(&["keys", "import", "test"], ABANDON, &[]);
    let to = "akash1jrkmdcwgq94uaamx6zax2luewlhf7u4k3rtk0c";
    let run = home.run_ok(&[
        "tx",
        "bank",
        "send",
        "--to-address",
        to,
        "--amount",
        "5uakt",
        "--generate-only",
        "--json",
    ]);
    let tx: Value = serde_json::from_str(&run.stdout).unwrap();
    let message = &tx["body"]["messages"][0];
    assert_eq!(message["@type"], "/cosmos.bank.v1beta1.MsgSend");
    // The signer is filled in.
    assert_eq!(message["from_address"], "akash19rl4cm2hmr8afy4kldpxz3fka4jguq0a3mq6x0");
    assert_eq!(tx["auth_info"]["fee"]["amount"][0]["amount"], "5000");
}

#[test]
fn colours_stay_out_of_pipes() {
    let home = Home::new();
    let run = home.run(&["status", "--node", &nobody()]);
    assert!(!run.stderr.contains('\u{1b}'));
}
