//! Sessions as editors lead them: real frames through pipes in memory.

use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

const URI: &str = "file:///deploy.yaml";

const FILE: &str = "\
version: \"2.0\"

services:
  web:
    image: nginx:1.27.3
    expose:
      - port: 80
        to:
          - global: true

profiles:
  compute:
    small:
      resources:
        cpu:
          units: 0.5
        memory:
          size: 512Mi
        storage:
          size: 1Gi
  placement:
    anywhere:
      pricing:
        small:
          denom: uact
          amount: 100

deployment:
  web:
    anywhere:
      profile: small
      count: 1
";

/// Bytes from one thread to another.
struct Pipe {
    chunks: Receiver<Vec<u8>>,
    rest: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.chunks.recv() {
                Ok(chunk) => self.rest = chunk,
                Err(_) => return Ok(0),
            }
        }
        let count = buffer.len().min(self.rest.len());
        let taken: Vec<u8> = self.rest.drain(..count).collect();
        buffer[..count].copy_from_slice(&taken);
        Ok(count)
    }
}

struct PipeEnd(Sender<Vec<u8>>);

impl Write for PipeEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Client {
    input: Option<Sender<Vec<u8>>>,
    output: Receiver<Value>,
    server: JoinHandle<Result<(), lsp::Error>>,
    next: i64,
    version: i64,
    /// Notifications that came while something else was waited for.
    seen: Vec<Value>,
}

/// Cuts the server's bytes into messages.
fn messages(mut from: Pipe, to: &Sender<Value>) {
    loop {
        let mut header = Vec::new();
        while !header.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if from.read(&mut byte).expect("a pipe") == 0 {
                return;
            }
            header.push(byte[0]);
        }
        let header = String::from_utf8(header).expect("a header");
        let length = header.trim().strip_prefix("Content-Length: ").expect("a length");
        let mut body = vec![0; length.parse().expect("a number")];
        from.read_exact(&mut body).expect("a body");
        if to.send(serde_json::from_slice(&body).expect("JSON")).is_err() {
            return;
        }
    }
}

impl Client {
    /// A server that was not spoken to yet.
    fn silent() -> Self {
        let (input, chunks) = mpsc::channel();
        let (written, server_output) = mpsc::channel();
        let (sender, output) = mpsc::channel();
        let server = std::thread::spawn(move || {
            lsp::serve(Pipe { chunks, rest: Vec::new() }, PipeEnd(written))
        });
        std::thread::spawn(move || {
            messages(Pipe { chunks: server_output, rest: Vec::new() }, &sender);
        });
        Self { input: Some(input), output, server, next: 0, version: 0, seen: Vec::new() }
    }

    fn with(capabilities: Value) -> (Self, Value) {
        let mut client = Self::silent();
        let params = json!({"processId": null, "rootUri": null, "capabilities": capabilities});
        let result = client.ask("initialize", params);
        client.tell("initialized", json!({}));
        (client, result)
    }

    fn new() -> Self {
        Self::with(json!({
            "general": {"positionEncodings": ["utf-8", "utf-16"]},
            "textDocument": {
                "completion": {"completionItem": {"snippetSupport": true}},
                "documentSymbol": {"hierarchicalDocumentSymbolSupport": true},
            },
            "workspace": {"workspaceEdit": {"documentChanges": true}},
        }))
        .0
    }

    fn open(text: &str) -> Self {
        let mut client = Self::new();
        client.did_open(text);
        client
    }

    fn raw(&self, bytes: &[u8]) {
        self.input.as_ref().expect("an open end").send(bytes.to_vec()).expect("a listening server");
    }

    fn send(&self, message: &Value) {
        let body = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    fn receive(&mut self) -> Value {
        self.output.recv_timeout(Duration::from_secs(120)).expect("an answer")
    }

    fn tell(&self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn response(&mut self, id: &Value) -> Value {
        loop {
            let message = self.receive();
            if message.get("method").is_none() && &message["id"] == id {
                return message;
            }
            self.seen.push(message);
        }
    }

    fn try_ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = json!(self.next);
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        self.response(&id)
    }

    #[track_caller]
    fn ask(&mut self, method: &str, params: Value) -> Value {
        let response = self.try_ask(method, params);
        assert!(response.get("error").is_none(), "{method}: {response}");
        response["result"].clone()
    }

    /// Asks about a place in the open document.
    #[track_caller]
    fn ask_at(&mut self, method: &str, line: usize, character: usize) -> Value {
        self.ask(
            method,
            json!({
                "textDocument": {"uri": URI},
                "position": {"line": line, "character": character},
                "context": {"includeDeclaration": true, "triggerKind": 1},
            }),
        )
    }

    fn did_open(&mut self, text: &str) {
        self.version = 1;
        self.tell(
            "textDocument/didOpen",
            json!({
                "textDocument": {"uri": URI, "languageId": "yaml", "version": 1, "text": text},
            }),
        );
    }

    fn change(&mut self, range: Value, text: &str) {
        self.version += 1;
        self.tell(
            "textDocument/didChange",
            json!({
                "textDocument": {"uri": URI, "version": self.version},
                "contentChanges": [{"range": range, "text": text}],
            }),
        );
    }

    /// The diagnostics of the latest version.
    fn diagnostics(&mut self) -> Vec<Value> {
        let wanted = self.version;
        let fits = |it: &Value| {
            it["method"] == "textDocument/publishDiagnostics" && it["params"]["version"] == wanted
        };
        loop {
            if let Some(at) = self.seen.iter().position(fits) {
                let found = self.seen.swap_remove(at);
                return found["params"]["diagnostics"].as_array().expect("a list").clone();
            }
            let message = self.receive();
            self.seen.push(message);
        }
    }

    /// Ends the session properly.
    fn end(mut self) {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        self.server.join().expect("no panic").expect("a proper end");
    }
}

fn place(line: usize, character: usize) -> Value {
    json!({"line": line, "character": character})
}

/// Line and column of the end of a piece of the file.
fn behind(text: &str, piece: &str) -> (usize, usize) {
    let at = text.find(piece).expect("a piece of the text") + piece.len();
    let before = &text[..at];
    (before.matches('\n').count(), at - before.rfind('\n').map_or(0, |it| it + 1))
}

/// A text with the edits of an answer, positions in UTF-8.
fn applied(text: &str, edits: &Value) -> String {
    let offset = |position: &Value| {
        let line = position["line"].as_u64().expect("a line");
        let line = usize::try_from(line).expect("a small line");
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        start + usize::try_from(position["character"].as_u64().expect("a column")).expect("small")
    };
    let mut edits: Vec<_> = edits
        .as_array()
        .expect("a list of edits")
        .iter()
        .map(|it| {
            (offset(&it["range"]["start"]), offset(&it["range"]["end"]), it["newText"].clone())
        })
        .collect();
    edits.sort_by_key(|it| std::cmp::Reverse(it.0));
    let mut text = text.to_owned();
    for (start, end, new) in edits {
        text.replace_range(start..end, new.as_str().expect("a text"));
    }
    text
}

#[test]
fn a_file_typed_character_by_character_is_answered_at_every_step() {
    let mut client = Client::open("");
    let (mut line, mut column) = (0, 0);
    for character in FILE.chars() {
        let here = place(line, column);
        client.change(json!({"start": here, "end": here}), &character.to_string());
        if character == '\n' {
            (line, column) = (line + 1, 0);
        } else {
            column += 1;
        }
        client.ask_at("textDocument/completion", line, column);
        if column % 4 == 0 {
            client.ask_at("textDocument/definition", line, column);
            client.ask("textDocument/documentSymbol", json!({"textDocument": {"uri": URI}}));
            client.ask("textDocument/foldingRange", json!({"textDocument": {"uri": URI}}));
        }
        if column % 9 == 0 {
            client.ask_at("textDocument/hover", line, column.saturating_sub(1));
        }
    }
    let found = client.diagnostics();
    assert!(found.iter().all(|it| it["severity"] != 1), "{found:?}");
    // And back again.
    for _ in 0..40 {
        let (from, to) = match column {
            0 => continue,
            _ => (place(line, column - 1), place(line, column)),
        };
        column -= 1;
        client.change(json!({"start": from, "end": to}), "");
    }
    client.change(json!({"start": place(0, 0), "end": place(2, 0)}), "");
    let found = client.diagnostics();
    assert!(found.iter().any(|it| it["code"] == "sdl::version::missing"), "{found:?}");
    client.end();
}

#[test]
fn diagnostics_carry_code_place_help_and_version() {
    let mut client = Client::open(&FILE.replace("512Mi", "512MB"));
    let found = client.diagnostics();
    let (line, column) = behind(FILE, "size: ");
    let it = found.iter().find(|it| it["severity"] == 1).expect("an error");
    assert_eq!(it["range"]["start"], place(line, column));
    assert_eq!(it["source"], "haggle");
    assert_eq!(it["code"], "sdl::quantity::syntax");
    assert!(it["message"].as_str().expect("a text").contains("help:"), "{it}");
    let range = json!({"start": place(line, column), "end": place(line, column + 5)});
    client.change(range, "512Mi");
    let found = client.diagnostics();
    assert!(found.iter().all(|it| it["severity"] != 1), "{found:?}");
    client.tell("textDocument/didClose", json!({"textDocument": {"uri": URI}}));
    let cleared = client.receive();
    assert_eq!(cleared["params"]["diagnostics"], json!([]));
    let params = json!({"textDocument": {"uri": URI}, "position": place(0, 0)});
    assert_eq!(client.try_ask("textDocument/hover", params)["error"]["code"], -32602);
    client.end();
}

#[test]
fn places_are_counted_as_agreed() {
    let text = "version: \"2.0\" # 𝄞\nservices: {\"𝄞é\": {image: x}}\n";
    let width = |encodings: Value| {
        let (mut client, result) = Client::with(json!({
            "general": {"positionEncodings": encodings},
            "textDocument": {"documentSymbol": {"hierarchicalDocumentSymbolSupport": true}},
        }));
        client.did_open(text);
        let symbols =
            client.ask("textDocument/documentSymbol", json!({"textDocument": {"uri": URI}}));
        let end = symbols[1]["children"][0]["selectionRange"]["end"]["character"].clone();
        client.end();
        (result["capabilities"]["positionEncoding"].clone(), end)
    };
    assert_eq!(width(json!(["utf-16", "utf-8"])), (json!("utf-8"), json!(19)));
    assert_eq!(width(json!(["utf-16"])), (json!("utf-16"), json!(16)));
    assert_eq!(width(json!(["utf-32"])), (json!("utf-32"), json!(15)));
    assert_eq!(width(json!(null)), (json!("utf-16"), json!(16)));
}

#[test]
fn changes_are_applied_in_utf_16() {
    let (mut client, _) = Client::with(json!({}));
    client.did_open("version: \"2.0\" # 𝄞𝄞\r\nx: 1\r\n");
    // The second clef, then the key of the next line.
    client.change(json!({"start": place(0, 19), "end": place(0, 21)}), "é");
    client.change(json!({"start": place(1, 0), "end": place(1, 1)}), "services");
    client.change(json!({"start": place(9, 9), "end": place(9, 9)}), "deployment: 2\n");
    let edits = client.ask(
        "textDocument/formatting",
        json!({
            "textDocument": {"uri": URI}, "options": {"tabSize": 2, "insertSpaces": true},
        }),
    );
    let text = edits[0]["newText"].as_str().expect("a text");
    // The last line is in its form already.
    assert_eq!(text, "version: \"2.0\"  # 𝄞é\nservices: 1\n");
    assert_eq!(edits[0]["range"], json!({"start": place(0, 0), "end": place(2, 0)}));
    let symbols = client.ask("textDocument/documentSymbol", json!({"textDocument": {"uri": URI}}));
    assert!(symbols.as_array().expect("a list").iter().any(|it| it["name"] == "deployment"));
    client.end();
}

#[test]
fn names_are_found_highlighted_and_renamed() {
    let mut client = Client::open(FILE);
    let (line, column) = behind(FILE, "profile: sm");
    let found = client.ask_at("textDocument/definition", line, column);
    let (definition, _) = behind(FILE, "compute:\n    small");
    assert_eq!(found["range"]["start"], place(definition, 4));
    let found = client.ask_at("textDocument/references", line, column);
    assert_eq!(found.as_array().map(Vec::len), Some(3));
    let found = client.ask_at("textDocument/documentHighlight", line, column);
    assert_eq!(found.as_array().map(Vec::len), Some(3));
    let found = client.ask_at("textDocument/prepareRename", line, column);
    assert_eq!(found["placeholder"], "small");
    let rename = |client: &mut Client, name: &str| {
        client.try_ask(
            "textDocument/rename",
            json!({
                "textDocument": {"uri": URI}, "position": place(line, column), "newName": name,
            }),
        )
    };
    let edit = rename(&mut client, "large")["result"]["documentChanges"][0].clone();
    assert_eq!(edit["textDocument"]["version"], 1);
    assert_eq!(applied(FILE, &edit["edits"]), FILE.replace("small", "large"));
    assert_eq!(rename(&mut client, " ")["error"]["code"], -32803);
    client.end();
    let (mut client, _) = Client::with(json!({}));
    client.did_open(FILE);
    let edit = rename(&mut client, "large")["result"].clone();
    assert_eq!(applied(FILE, &edit["changes"][URI]), FILE.replace("small", "large"));
    client.end();
}

#[test]
fn completions_are_snippets_where_wanted_and_documented_when_asked() {
    let text = format!("{FILE}endpoints:\n  ip1:\n    ");
    let last = text.matches('\n').count();
    let mut client = Client::open(&text);
    let found = client.ask_at("textDocument/completion", last, 4);
    assert_eq!(found[0]["label"], "kind");
    assert_eq!(found[0]["insertTextFormat"], 2);
    assert_eq!(found[0]["textEdit"]["newText"], "kind: ${1:ip}");
    assert!(found[0].get("documentation").is_none());
    let resolved = client.ask("completionItem/resolve", found[0].clone());
    assert!(resolved["documentation"]["value"].as_str().expect("a text").contains("kind"));
    client.end();
    let (mut client, _) = Client::with(json!({}));
    client.did_open(&text);
    let found = client.ask_at("textDocument/completion", last, 4);
    assert_eq!(found[0]["textEdit"]["newText"], "kind: ip");
    assert_eq!(found[0]["insertTextFormat"], 1);
    client.end();
}

#[test]
fn hover_formatting_symbols_folds_and_fixes_answer() {
    let text = FILE.replace("services:", "servces:").replace("nginx:1.27.3", "'nginx:1.27.3'");
    let mut client = Client::open(&text);
    let (line, column) = behind(&text, "amount: 1");
    let hover = client.ask_at("textDocument/hover", line, column);
    assert!(hover["contents"]["value"].as_str().expect("a text").contains("per month"), "{hover}");
    let document = json!({"textDocument": {"uri": URI}});
    let edits = client.ask(
        "textDocument/formatting",
        json!({
            "textDocument": {"uri": URI}, "options": {"tabSize": 2, "insertSpaces": true},
        }),
    );
    assert_eq!(applied(&text, &edits), sdl::fmt::format(&text).expect("YAML"));
    let symbols = client.ask("textDocument/documentSymbol", document.clone());
    assert_eq!(symbols[3]["children"][0]["name"], "web");
    let folds = client.ask("textDocument/foldingRange", document);
    assert!(folds.as_array().expect("a list").iter().any(|it| it["startLine"] == 2));
    let (line, column) = behind(&text, "servces");
    let mut actions = |only: Value| {
        client.ask(
            "textDocument/codeAction",
            json!({
                "textDocument": {"uri": URI},
                "range": {"start": place(line, column - 1), "end": place(line, column)},
                "context": {"diagnostics": [], "only": only},
            }),
        )
    };
    let found = actions(Value::Null);
    let edits = found[0]["edit"]["documentChanges"][0]["edits"].clone();
    assert_eq!(applied(&text, &edits), text.replace("servces", "services"));
    assert_eq!(found[0]["kind"], "quickfix");
    let all = actions(json!(["source.fixAll"]));
    let edits = all[0]["edit"]["documentChanges"][0]["edits"].clone();
    assert!(applied(&text, &edits).contains("\nservices:\n"));
    assert_eq!(actions(json!(["refactor"])), json!([]));
    client.end();
}

#[test]
fn a_session_has_a_beginning_and_an_end() {
    let mut client = Client::silent();
    let early = client.try_ask("textDocument/hover", json!({}));
    assert_eq!(early["error"]["code"], -32002);
    client.tell("textDocument/didOpen", json!({}));
    client.ask("initialize", json!({"capabilities": {}}));
    assert_eq!(client.try_ask("initialize", json!({}))["error"]["code"], -32600);
    client.ask("shutdown", Value::Null);
    assert_eq!(client.try_ask("textDocument/hover", json!({}))["error"]["code"], -32600);
    client.tell("exit", Value::Null);
    client.server.join().expect("no panic").expect("a proper end");

    let client = Client::new();
    client.tell("exit", Value::Null);
    let end = client.server.join().expect("no panic");
    assert!(matches!(end, Err(lsp::Error::NoShutdown)), "{end:?}");

    let mut client = Client::new();
    client.input = None;
    client.server.join().expect("no panic").expect("an end with the input");
}

#[test]
fn nothing_malformed_ends_the_session() {
    let mut client = Client::open(FILE);
    client.raw(b"hello\r\n\r\nContent-Length: 5\r\n\r\n{\"a\":");
    assert_eq!(client.response(&Value::Null)["error"]["code"], -32700);
    client.send(&json!([1, 2]));
    assert_eq!(client.response(&Value::Null)["error"]["code"], -32600);
    client.send(&json!({"jsonrpc": "2.0", "id": "a"}));
    assert_eq!(client.response(&json!("a"))["error"]["code"], -32600);
    client.send(&json!({"jsonrpc": "2.0", "id": 5_000_000_000_u64, "method": "x"}));
    assert_eq!(client.response(&json!(5_000_000_000_u64))["error"]["code"], -32600);
    assert_eq!(client.try_ask("no/such", json!({}))["error"]["code"], -32601);
    assert_eq!(client.try_ask("textDocument/hover", json!([]))["error"]["code"], -32602);
    client.tell("$/cancelRequest", json!({"id": 77}));
    client.tell("$/setTrace", json!({"value": "off"}));
    client.tell(
        "textDocument/didChange",
        json!({"textDocument": {"uri": "file:///other", "version": 1}, "contentChanges": []}),
    );
    client.tell("textDocument/didChange", json!("nonsense"));
    client.send(&json!({"jsonrpc": "2.0", "id": 1, "result": null}));
    assert!(client.ask_at("textDocument/hover", 0, 2).is_object());
    client.end();
}

#[test]
fn settings_change_what_is_said() {
    let mut client = Client::open(&FILE.replace("    image:", "    depends_on: [x]\n    image:"));
    let severity = |found: &[Value]| {
        found.iter().find(|it| it["code"] == "sdl::key::ignored").map(|it| it["severity"].clone())
    };
    assert_eq!(severity(&client.diagnostics()), Some(json!(2)));
    let settings = json!({"settings": {"haggle": {"deny": ["sdl::key::ignored"]}}});
    client.tell("workspace/didChangeConfiguration", settings);
    assert_eq!(severity(&client.diagnostics()), Some(json!(1)));
    client.end();
}
