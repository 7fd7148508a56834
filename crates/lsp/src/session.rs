//! One client: its documents, what it can do, and where in its life the session is.

use crate::answers;
use crate::framing::{self, Frame};
use crate::settings;
use crate::text::{Encoding, Lines};
use lsp_server::{ErrorCode, Message, Notification, Request};
use lsp_types as lsp;
use sdl::CheckOptions;
use sdl::ide::Document;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    On,
    Ended,
    EndedEarly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Nothing was said yet.
    New,
    Running,
    /// `shutdown` was said; only `exit` is left.
    ShutDown,
}

/// What the client understands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) encoding: Encoding,
    pub(crate) takes_snippets: bool,
    pub(crate) takes_versioned_edits: bool,
    pub(crate) takes_symbol_trees: bool,
}

/// An open document.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) uri: lsp::Uri,
    pub(crate) version: i32,
    pub(crate) document: Document,
    pub(crate) lines: Lines,
    is_checked: bool,
}

/// A refusal: code and words.
pub(crate) type Refusal = (ErrorCode, String);

pub(crate) struct Session<W> {
    output: W,
    life: Life,
    client: Client,
    documents: BTreeMap<String, Open>,
    options: CheckOptions,
}

fn code(code: ErrorCode) -> i64 {
    // The numbers of the protocol are the discriminants.
    i64::from(code as i32)
}

impl<W: Write> Session<W> {
    pub(crate) fn new(output: W) -> Self {
        Self {
            output,
            life: Life::New,
            client: Client {
                encoding: Encoding::Utf16,
                takes_snippets: false,
                takes_versioned_edits: false,
                takes_symbol_trees: false,
            },
            documents: BTreeMap::new(),
            options: CheckOptions::default(),
        }
    }

    // What is sent.

    fn reply(&mut self, id: Value, result: Result<Value, Refusal>) -> io::Result<()> {
        let body = match result {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err((error, message)) => json!({
                "jsonrpc": "2.0",
                "id": id,
                "error": {"code": code(error), "message": message},
            }),
        };
        framing::write(&mut self.output, &body)
    }

    fn notify(&mut self, method: &str, params: &impl Serialize) -> io::Result<()> {
        let body = json!({"jsonrpc": "2.0", "method": method, "params": params});
        framing::write(&mut self.output, &body)
    }

    /// Sends the diagnostics of what changed since they were sent.
    pub(crate) fn publish(&mut self) -> io::Result<()> {
        let mut found = Vec::new();
        for open in self.documents.values_mut().filter(|it| !it.is_checked) {
            open.is_checked = true;
            let options = &self.options;
            // A mistake of ours must not cost the author the session.
            let diagnostics =
                catch_unwind(AssertUnwindSafe(|| answers::diagnostics(open, options)));
            found.push(lsp::PublishDiagnosticsParams {
                uri: open.uri.clone(),
                diagnostics: diagnostics.unwrap_or_default(),
                version: Some(open.version),
            });
        }
        for params in found {
            self.notify("textDocument/publishDiagnostics", &params)?;
        }
        Ok(())
    }

    // What is received.

    /// Answers requests that were cancelled before their turn came.
    pub(crate) fn drop_cancelled(&mut self, queue: &mut VecDeque<Frame>) -> io::Result<()> {
        let cancelled = |frame: &Frame| match frame {
            Frame::Message(Message::Notification(it)) if it.method == "$/cancelRequest" => {
                it.params.get("id").cloned()
            }
            _ => None,
        };
        if !queue.iter().any(|it| cancelled(it).is_some()) {
            return Ok(());
        }
        let ids: BTreeSet<String> =
            queue.iter().filter_map(cancelled).map(|it| it.to_string()).collect();
        let mut dropped = Vec::new();
        queue.retain(|frame| match frame {
            Frame::Message(Message::Request(it)) => {
                let id = serde_json::to_value(&it.id).unwrap_or_default();
                // These two change the session and are never dropped.
                let is_life = matches!(it.method.as_str(), "initialize" | "shutdown");
                let is_dropped = ids.contains(&id.to_string()) && !is_life;
                if is_dropped {
                    dropped.push(id);
                }
                !is_dropped
            }
            frame => cancelled(frame).is_none(),
        });
        for id in dropped {
            self.reply(id, Err((ErrorCode::RequestCanceled, "cancelled".into())))?;
        }
        Ok(())
    }

    pub(crate) fn handle(&mut self, frame: Frame) -> io::Result<Flow> {
        match frame {
            Frame::Message(Message::Request(request)) => self.request(request)?,
            Frame::Message(Message::Notification(it)) if it.method == "exit" => {
                return Ok(match self.life {
                    Life::ShutDown => Flow::Ended,
                    _ => Flow::EndedEarly,
                });
            }
            Frame::Message(Message::Notification(it)) => self.notification(it)?,
            // Nothing is asked of the client, so nothing is answered by it.
            Frame::Message(Message::Response(_)) => {}
            Frame::NoJson(reason) => {
                self.reply(Value::Null, Err((ErrorCode::ParseError, reason)))?;
            }
            Frame::NoMessage(id, reason) => {
                self.reply(id, Err((ErrorCode::InvalidRequest, reason)))?;
            }
            Frame::End => return Ok(Flow::Ended),
        }
        Ok(Flow::On)
    }

    fn request(&mut self, request: Request) -> io::Result<()> {
        let id = serde_json::to_value(&request.id).unwrap_or_default();
        let result = match (self.life, request.method.as_str()) {
            (Life::New, "initialize") => self.initialize(request.params),
            (Life::New, _) => {
                Err((ErrorCode::ServerNotInitialized, "`initialize` comes first".into()))
            }
            (Life::Running, "initialize") => {
                Err((ErrorCode::InvalidRequest, "`initialize` was said already".into()))
            }
            (Life::Running, "shutdown") => {
                self.life = Life::ShutDown;
                Ok(Value::Null)
            }
            (Life::Running, method) => {
                let (documents, client, options) = (&self.documents, self.client, &self.options);
                let answer = || answers::answer(method, request.params, documents, client, options);
                catch_unwind(AssertUnwindSafe(answer)).unwrap_or_else(|_| {
                    Err((ErrorCode::InternalError, format!("`{method}` failed; this is a bug")))
                })
            }
            (Life::ShutDown, _) => {
                Err((ErrorCode::InvalidRequest, "only `exit` is left after `shutdown`".into()))
            }
        };
        self.reply(id, result)
    }

    fn initialize(&mut self, params: Value) -> Result<Value, Refusal> {
        let flag = |path: &str| params.pointer(path).and_then(Value::as_bool).unwrap_or(false);
        let offered = params.pointer("/capabilities/general/positionEncodings");
        let offers = |name: &str| {
            offered.and_then(Value::as_array).is_some_and(|it| it.iter().any(|it| it == name))
        };
        let (encoding, name) = match () {
            () if offers("utf-8") => (Encoding::Utf8, lsp::PositionEncodingKind::UTF8),
            () if offers("utf-16") || !offers("utf-32") => {
                (Encoding::Utf16, lsp::PositionEncodingKind::UTF16)
            }
            () => (Encoding::Utf32, lsp::PositionEncodingKind::UTF32),
        };
        self.client = Client {
            encoding,
            takes_snippets: flag(
                "/capabilities/textDocument/completion/completionItem/snippetSupport",
            ),
            takes_versioned_edits: flag("/capabilities/workspace/workspaceEdit/documentChanges"),
            takes_symbol_trees: flag(
                "/capabilities/textDocument/documentSymbol/hierarchicalDocumentSymbolSupport",
            ),
        };
        if let Some(settings) = params.get("initializationOptions") {
            self.options = settings::read(settings);
        }
        self.life = Life::Running;
        let result = lsp::InitializeResult {
            capabilities: capabilities(name),
            server_info: Some(lsp::ServerInfo {
                name: "haggle".into(),
                version: Some(env!("CARGO_PKG_VERSION").into()),
            }),
        };
        serde_json::to_value(result).map_err(|it| (ErrorCode::InternalError, it.to_string()))
    }

    fn notification(&mut self, notification: Notification) -> io::Result<()> {
        if self.life != Life::Running {
            return Ok(());
        }
        let Notification { method, params } = notification;
        match method.as_str() {
            "textDocument/didOpen" => {
                if let Some(it) = read::<lsp::DidOpenTextDocumentParams>(params) {
                    let it = it.text_document;
                    self.set(it.uri, it.version, it.text);
                }
            }
            "textDocument/didChange" => {
                if let Some(it) = read::<lsp::DidChangeTextDocumentParams>(params) {
                    self.change(it);
                }
            }
            "textDocument/didClose" => {
                if let Some(it) = read::<lsp::DidCloseTextDocumentParams>(params)
                    && let Some(open) = self.documents.remove(it.text_document.uri.as_str())
                {
                    let params = lsp::PublishDiagnosticsParams {
                        uri: open.uri,
                        diagnostics: Vec::new(),
                        version: None,
                    };
                    self.notify("textDocument/publishDiagnostics", &params)?;
                }
            }
            "workspace/didChangeConfiguration" => {
                // Null asks for the settings to be fetched, which this server leaves to the client.
                if let Some(settings) = params.get("settings").filter(|it| !it.is_null()) {
                    self.options = settings::read(settings);
                    for open in self.documents.values_mut() {
                        open.is_checked = false;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn set(&mut self, uri: lsp::Uri, version: i32, text: String) {
        let lines = Lines::new(&text, self.client.encoding);
        let open = Open {
            uri: uri.clone(),
            version,
            document: Document::new(text),
            lines,
            is_checked: false,
        };
        self.documents.insert(uri.as_str().to_owned(), open);
    }

    fn change(&mut self, params: lsp::DidChangeTextDocumentParams) {
        let uri = params.text_document.uri;
        let Some(open) = self.documents.get(uri.as_str()) else { return };
        let mut text = open.document.text().to_owned();
        for change in params.content_changes {
            let Some(range) = change.range else {
                text = change.text;
                continue;
            };
            let lines = Lines::new(&text, self.client.encoding);
            let start = lines.offset(&text, range.start);
            let end = lines.offset(&text, range.end).max(start);
            text.replace_range(start..end, &change.text);
        }
        self.set(uri, params.text_document.version, text);
    }
}

fn read<P: DeserializeOwned>(params: Value) -> Option<P> {
    serde_json::from_value(params).ok()
}

/// What this server can do.
fn capabilities(encoding: lsp::PositionEncodingKind) -> lsp::ServerCapabilities {
    lsp::ServerCapabilities {
        position_encoding: Some(encoding),
        text_document_sync: Some(lsp::TextDocumentSyncCapability::Options(
            lsp::TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(lsp::TextDocumentSyncKind::INCREMENTAL),
                ..Default::default()
            },
        )),
        hover_provider: Some(lsp::HoverProviderCapability::Simple(true)),
        completion_provider: Some(lsp::CompletionOptions {
            resolve_provider: Some(true),
            trigger_characters: Some(
                [":", " ", "-", "*", "{", "[", ","].map(String::from).to_vec(),
            ),
            ..Default::default()
        }),
        definition_provider: Some(lsp::OneOf::Left(true)),
        references_provider: Some(lsp::OneOf::Left(true)),
        document_highlight_provider: Some(lsp::OneOf::Left(true)),
        document_symbol_provider: Some(lsp::OneOf::Left(true)),
        document_formatting_provider: Some(lsp::OneOf::Left(true)),
        folding_range_provider: Some(lsp::FoldingRangeProviderCapability::Simple(true)),
        rename_provider: Some(lsp::OneOf::Right(lsp::RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: lsp::WorkDoneProgressOptions::default(),
        })),
        code_action_provider: Some(lsp::CodeActionProviderCapability::Options(
            lsp::CodeActionOptions {
                code_action_kinds: Some(vec![
                    lsp::CodeActionKind::QUICKFIX,
                    lsp::CodeActionKind::SOURCE_FIX_ALL,
                ]),
                ..Default::default()
            },
        )),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: i32, method: &str) -> Frame {
        let params = Value::Null;
        Frame::Message(Request { id: id.into(), method: method.into(), params }.into())
    }

    #[test]
    fn what_is_cancelled_before_its_turn_is_answered_so_and_not_done() {
        let mut output = Vec::new();
        let mut session = Session::new(&mut output);
        let params = json!({"id": 2});
        let cancel = Notification { method: "$/cancelRequest".into(), params };
        let mut queue: VecDeque<_> = [
            request(1, "textDocument/hover"),
            request(2, "textDocument/hover"),
            request(3, "shutdown"),
            Frame::Message(cancel.into()),
        ]
        .into();
        session.drop_cancelled(&mut queue).unwrap();
        assert_eq!(queue.len(), 2);
        let text = String::from_utf8(output).unwrap();
        assert!(text.contains(r#""id":2"#) && text.contains("-32800"), "{text}");
        assert!(!text.contains(r#""id":1"#) && !text.contains(r#""id":3"#), "{text}");
    }
}
