//! One function per question of the protocol, each a few lines around `sdl::ide`.

use crate::convert;
use crate::session::{Client, Open, Refusal};
use lsp_server::ErrorCode;
use lsp_types as lsp;
use sdl::ide::Edit;
use sdl::{CheckOptions, Span};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

type Documents = BTreeMap<String, Open>;
type Answer<T> = Result<T, Refusal>;

struct Cx<'a> {
    documents: &'a Documents,
    client: Client,
    options: &'a CheckOptions,
}

/// The diagnostics of a document.
pub(crate) fn diagnostics(open: &Open, options: &CheckOptions) -> Vec<lsp::Diagnostic> {
    open.document.diagnostics(options).iter().map(|it| convert::diagnostic(open, it)).collect()
}

/// Answers one request.
///
/// # Errors
/// The method is unknown, its parameters are not what it takes, or it cannot be done.
pub(crate) fn answer(
    method: &str,
    params: Value,
    documents: &Documents,
    client: Client,
    options: &CheckOptions,
) -> Answer<Value> {
    let cx = Cx { documents, client, options };
    match method {
        "textDocument/hover" => with(params, |it| cx.hover(&it)),
        "textDocument/completion" => with(params, |it| cx.completion(&it)),
        "completionItem/resolve" => with(params, |it| Ok(cx.resolve(it))),
        "textDocument/definition" => with(params, |it| cx.definition(&it)),
        "textDocument/references" => with(params, |it| cx.references(&it)),
        "textDocument/documentHighlight" => with(params, |it| cx.highlights(&it)),
        "textDocument/prepareRename" => with(params, |it| cx.prepare_rename(&it)),
        "textDocument/rename" => with(params, |it| cx.rename(&it)),
        "textDocument/documentSymbol" => with(params, |it| cx.symbols(&it)),
        "textDocument/foldingRange" => with(params, |it| cx.folds(&it)),
        "textDocument/formatting" => with(params, |it| cx.format(&it)),
        "textDocument/codeAction" => with(params, |it| cx.actions(&it)),
        _ => Err((ErrorCode::MethodNotFound, format!("`{method}` is not known here"))),
    }
}

fn with<P: DeserializeOwned, R: Serialize>(
    params: Value,
    answer: impl FnOnce(P) -> Answer<R>,
) -> Answer<Value> {
    let params =
        serde_json::from_value(params).map_err(|it| (ErrorCode::InvalidParams, it.to_string()))?;
    serde_json::to_value(answer(params)?).map_err(|it| (ErrorCode::InternalError, it.to_string()))
}

impl<'a> Cx<'a> {
    fn open(&self, uri: &lsp::Uri) -> Answer<&'a Open> {
        self.documents
            .get(uri.as_str())
            .ok_or_else(|| (ErrorCode::InvalidParams, format!("`{}` is not open", uri.as_str())))
    }

    fn place(&self, at: &lsp::TextDocumentPositionParams) -> Answer<(&'a Open, usize)> {
        let open = self.open(&at.text_document.uri)?;
        Ok((open, open.lines.offset(open.document.text(), at.position)))
    }

    fn hover(&self, params: &lsp::HoverParams) -> Answer<Option<lsp::Hover>> {
        let (open, at) = self.place(&params.text_document_position_params)?;
        Ok(open.document.hover(at, self.options).map(|it| lsp::Hover {
            contents: lsp::HoverContents::Markup(lsp::MarkupContent {
                kind: lsp::MarkupKind::Markdown,
                value: it.markdown,
            }),
            range: Some(convert::range(open, it.span)),
        }))
    }

    fn completion(&self, params: &lsp::CompletionParams) -> Answer<Vec<lsp::CompletionItem>> {
        let at = &params.text_document_position;
        let (open, offset) = self.place(at)?;
        let found = open.document.complete(offset);
        Ok(found.iter().map(|it| convert::completion(open, self.client, at.position, it)).collect())
    }

    /// Adds the documentation, found again at the place that the item carries.
    fn resolve(&self, mut item: lsp::CompletionItem) -> lsp::CompletionItem {
        let number = |name: &str| {
            let value = item.data.as_ref()?.get(name)?.as_u64()?;
            u32::try_from(value).ok()
        };
        let uri = item.data.as_ref().and_then(|it| it.get("uri")).and_then(Value::as_str);
        if let Some(open) = uri.and_then(|it| self.documents.get(it))
            && let (Some(line), Some(character)) = (number("line"), number("character"))
        {
            let text = open.document.text();
            let offset = open.lines.offset(text, lsp::Position { line, character });
            let found = open.document.complete(offset);
            if let Some(it) = found.iter().find(|it| it.label == item.label)
                && !it.documentation.is_empty()
            {
                let value = it.documentation.clone();
                let kind = lsp::MarkupKind::Markdown;
                let content = lsp::MarkupContent { kind, value };
                item.documentation = Some(lsp::Documentation::MarkupContent(content));
            }
        }
        item
    }

    fn definition(&self, params: &lsp::GotoDefinitionParams) -> Answer<Option<lsp::Location>> {
        let (open, at) = self.place(&params.text_document_position_params)?;
        Ok(open.document.definition(at).map(|it| lsp::Location {
            uri: open.uri.clone(),
            range: convert::range(open, it.name),
        }))
    }

    fn references(&self, params: &lsp::ReferenceParams) -> Answer<Vec<lsp::Location>> {
        let (open, at) = self.place(&params.text_document_position)?;
        let found = open.document.references(at, params.context.include_declaration);
        let location = |span: &Span| lsp::Location {
            uri: open.uri.clone(),
            range: convert::range(open, *span),
        };
        Ok(found.iter().map(location).collect())
    }

    fn highlights(
        &self,
        params: &lsp::DocumentHighlightParams,
    ) -> Answer<Vec<lsp::DocumentHighlight>> {
        let (open, at) = self.place(&params.text_document_position_params)?;
        let found = open.document.references(at, true);
        Ok(found
            .iter()
            .map(|it| lsp::DocumentHighlight { range: convert::range(open, *it), kind: None })
            .collect())
    }

    fn prepare_rename(
        &self,
        params: &lsp::TextDocumentPositionParams,
    ) -> Answer<Option<lsp::PrepareRenameResponse>> {
        let (open, at) = self.place(params)?;
        Ok(open.document.renamable(at).map(|(span, placeholder)| {
            lsp::PrepareRenameResponse::RangeWithPlaceholder {
                range: convert::range(open, span),
                placeholder,
            }
        }))
    }

    fn rename(&self, params: &lsp::RenameParams) -> Answer<lsp::WorkspaceEdit> {
        let (open, at) = self.place(&params.text_document_position)?;
        let edits = open
            .document
            .rename(at, params.new_name.trim())
            .map_err(|reason| (ErrorCode::RequestFailed, reason))?;
        Ok(self.workspace_edit(open, &edits))
    }

    #[expect(clippy::mutable_key_type, reason = "the type of the protocol; nobody changes the key")]
    fn workspace_edit(&self, open: &Open, edits: &[Edit]) -> lsp::WorkspaceEdit {
        let edits: Vec<_> = edits.iter().map(|it| convert::edit(open, it)).collect();
        if !self.client.takes_versioned_edits {
            let changes = [(open.uri.clone(), edits)].into_iter().collect();
            return lsp::WorkspaceEdit { changes: Some(changes), ..Default::default() };
        }
        let text_document = lsp::OptionalVersionedTextDocumentIdentifier {
            uri: open.uri.clone(),
            version: Some(open.version),
        };
        let edits = edits.into_iter().map(lsp::OneOf::Left).collect();
        let edit = lsp::TextDocumentEdit { text_document, edits };
        lsp::WorkspaceEdit {
            document_changes: Some(lsp::DocumentChanges::Edits(vec![edit])),
            ..Default::default()
        }
    }

    fn symbols(&self, params: &lsp::DocumentSymbolParams) -> Answer<lsp::DocumentSymbolResponse> {
        let open = self.open(&params.text_document.uri)?;
        let symbols = open.document.symbols();
        if self.client.takes_symbol_trees {
            let symbols = symbols.iter().map(|it| convert::symbol(open, it)).collect();
            return Ok(lsp::DocumentSymbolResponse::Nested(symbols));
        }
        let mut flat = Vec::new();
        convert::flat_symbols(open, &symbols, None, &mut flat);
        Ok(lsp::DocumentSymbolResponse::Flat(flat))
    }

    fn folds(&self, params: &lsp::FoldingRangeParams) -> Answer<Vec<lsp::FoldingRange>> {
        let open = self.open(&params.text_document.uri)?;
        Ok(open.document.folds().into_iter().map(|it| convert::fold(open, it)).collect())
    }

    fn format(&self, params: &lsp::DocumentFormattingParams) -> Answer<Vec<lsp::TextEdit>> {
        let open = self.open(&params.text_document.uri)?;
        Ok(open.document.format().iter().map(|it| convert::edit(open, it)).collect())
    }

    fn actions(&self, params: &lsp::CodeActionParams) -> Answer<Vec<lsp::CodeAction>> {
        let open = self.open(&params.text_document.uri)?;
        let text = open.document.text();
        let wants = |kind: &lsp::CodeActionKind| match &params.context.only {
            // `source` asks for `source.fixAll` as well.
            Some(only) => only.iter().any(|it| {
                let (kind, wanted) = (kind.as_str(), it.as_str());
                kind == wanted || kind.strip_prefix(wanted).is_some_and(|it| it.starts_with('.'))
            }),
            None => true,
        };
        let found = open.document.diagnostics(self.options);
        let mut actions = Vec::new();
        if wants(&lsp::CodeActionKind::QUICKFIX) {
            let start = open.lines.offset(text, params.range.start);
            let end = open.lines.offset(text, params.range.end);
            let within = Span::new(start, end);
            let fixes = open.document.fixes(&found, within);
            let touched = found
                .iter()
                .filter(|it| it.span.start <= within.end && within.start <= it.span.end);
            let silenced: Vec<_> = touched.filter_map(|it| open.document.silence(it)).collect();
            actions.extend(fixes.into_iter().map(|it| lsp::CodeAction {
                title: it.title,
                kind: Some(lsp::CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![convert::diagnostic(open, &it.diagnostic)]),
                edit: Some(self.workspace_edit(open, &it.edits)),
                is_preferred: Some(true),
                ..Default::default()
            }));
            actions.extend(silenced.into_iter().map(|it| lsp::CodeAction {
                title: it.title,
                kind: Some(lsp::CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![convert::diagnostic(open, &it.diagnostic)]),
                edit: Some(self.workspace_edit(open, &it.edits)),
                ..Default::default()
            }));
        }
        let asks_for_all =
            params.context.only.is_some() && wants(&lsp::CodeActionKind::SOURCE_FIX_ALL);
        if asks_for_all {
            let fixes = open.document.fixes(&found, Span::new(0, text.len()));
            let mut edits: Vec<Edit> = fixes.into_iter().flat_map(|it| it.edits).collect();
            edits.sort_by_key(|it| it.span);
            // Of two changes of one place the first wins.
            let mut end = 0;
            edits.retain(|it| {
                let is_free = it.span.start >= end;
                if is_free {
                    end = it.span.end.max(it.span.start + u32::from(it.span.start == it.span.end));
                }
                is_free
            });
            if !edits.is_empty() {
                actions.push(lsp::CodeAction {
                    title: "Mend everything that can be mended".into(),
                    kind: Some(lsp::CodeActionKind::SOURCE_FIX_ALL),
                    edit: Some(self.workspace_edit(open, &edits)),
                    ..Default::default()
                });
            }
        }
        Ok(actions)
    }
}
