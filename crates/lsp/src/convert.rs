//! Values of `sdl` to those of the protocol.

use crate::session::{Client, Open};
use lsp_types as lsp;
use sdl::ide::{Completion, CompletionKind, Edit, Fold, Symbol, SymbolKind};
use sdl::{Diagnostic, Severity, Span};

/// The name that editors show beside a diagnostic.
const SOURCE: &str = "haggle";

pub(crate) fn range(open: &Open, span: Span) -> lsp::Range {
    open.lines.range(open.document.text(), span)
}

pub(crate) fn edit(open: &Open, edit: &Edit) -> lsp::TextEdit {
    lsp::TextEdit { range: range(open, edit.span), new_text: edit.text.clone() }
}

pub(crate) fn diagnostic(open: &Open, it: &Diagnostic) -> lsp::Diagnostic {
    let related = it.related.iter().map(|(span, message)| lsp::DiagnosticRelatedInformation {
        location: lsp::Location { uri: open.uri.clone(), range: range(open, *span) },
        message: message.clone(),
    });
    let related: Vec<_> = related.collect();
    let message = match &it.hint {
        Some(hint) => format!("{}\nhelp: {hint}", it.message),
        None => it.message.clone(),
    };
    let code = it.rule.code();
    let is_idle =
        code.contains("unused") || code.contains("undeployed") || code.contains("ignored");
    lsp::Diagnostic {
        range: range(open, it.span),
        severity: Some(match it.severity {
            Severity::Error => lsp::DiagnosticSeverity::ERROR,
            Severity::Warning => lsp::DiagnosticSeverity::WARNING,
        }),
        code: Some(lsp::NumberOrString::String(code.to_owned())),
        source: Some(SOURCE.to_owned()),
        message,
        related_information: (!related.is_empty()).then_some(related),
        tags: (is_idle && it.severity == Severity::Warning)
            .then(|| vec![lsp::DiagnosticTag::UNNECESSARY]),
        ..Default::default()
    }
}

pub(crate) fn completion(
    open: &Open,
    client: Client,
    position: lsp::Position,
    it: &Completion,
) -> lsp::CompletionItem {
    let is_snippet = client.takes_snippets && it.snippet != it.plain;
    let new_text = if client.takes_snippets { it.snippet.clone() } else { it.plain.clone() };
    let range = range(open, it.span);
    let start = usize::try_from(it.span.start).unwrap_or(usize::MAX);
    let has_quote = open
        .document
        .text()
        .get(start..)
        .is_some_and(|text| text.starts_with(['"', '\'']) && range.start != range.end);
    lsp::CompletionItem {
        label: it.label.clone(),
        kind: Some(match it.kind {
            CompletionKind::Key => lsp::CompletionItemKind::PROPERTY,
            CompletionKind::Value => lsp::CompletionItemKind::ENUM_MEMBER,
            CompletionKind::Name => lsp::CompletionItemKind::REFERENCE,
            CompletionKind::Unit => lsp::CompletionItemKind::UNIT,
            CompletionKind::Snippet => lsp::CompletionItemKind::SNIPPET,
        }),
        detail: (!it.detail.is_empty()).then(|| it.detail.clone()),
        sort_text: Some(format!("{}{}", it.rank, it.label)),
        // What was typed begins with a quote, so what it is compared with must as well.
        filter_text: has_quote.then(|| format!("\"{}\"", it.label)),
        insert_text_format: Some(match is_snippet {
            true => lsp::InsertTextFormat::SNIPPET,
            false => lsp::InsertTextFormat::PLAIN_TEXT,
        }),
        insert_text_mode: Some(lsp::InsertTextMode::ADJUST_INDENTATION),
        text_edit: Some(lsp::CompletionTextEdit::Edit(lsp::TextEdit { range, new_text })),
        data: Some(serde_json::json!({
            "uri": open.uri.as_str(),
            "line": position.line,
            "character": position.character,
        })),
        ..Default::default()
    }
}

fn symbol_kind(kind: SymbolKind) -> lsp::SymbolKind {
    match kind {
        SymbolKind::Section => lsp::SymbolKind::NAMESPACE,
        SymbolKind::Name => lsp::SymbolKind::CLASS,
        SymbolKind::List => lsp::SymbolKind::ARRAY,
        SymbolKind::Entry => lsp::SymbolKind::OBJECT,
        SymbolKind::Value => lsp::SymbolKind::PROPERTY,
    }
}

pub(crate) fn symbol(open: &Open, it: &Symbol) -> lsp::DocumentSymbol {
    let children: Vec<_> = it.children.iter().map(|it| symbol(open, it)).collect();
    #[expect(deprecated, reason = "the field has no other constructor")]
    lsp::DocumentSymbol {
        name: it.name.clone(),
        detail: it.detail.clone(),
        kind: symbol_kind(it.kind),
        tags: None,
        deprecated: None,
        range: range(open, it.whole),
        selection_range: range(open, it.selection),
        children: (!children.is_empty()).then_some(children),
    }
}

/// For clients that take no trees.
pub(crate) fn flat_symbols(
    open: &Open,
    list: &[Symbol],
    container: Option<&str>,
    out: &mut Vec<lsp::SymbolInformation>,
) {
    for it in list {
        #[expect(deprecated, reason = "the field has no other constructor")]
        out.push(lsp::SymbolInformation {
            name: it.name.clone(),
            kind: symbol_kind(it.kind),
            tags: None,
            deprecated: None,
            location: lsp::Location { uri: open.uri.clone(), range: range(open, it.whole) },
            container_name: container.map(str::to_owned),
        });
        flat_symbols(open, &it.children, Some(&it.name), out);
    }
}

pub(crate) fn fold(open: &Open, it: Fold) -> lsp::FoldingRange {
    let range = range(open, it.span);
    lsp::FoldingRange {
        start_line: range.start.line,
        end_line: range.end.line,
        kind: it.is_comment.then_some(lsp::FoldingRangeKind::Comment),
        ..Default::default()
    }
}
