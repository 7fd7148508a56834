//! `haggle sdl lsp`: a language server on standard input and output.

use std::io;

use crate::failure::{Failure, Result};

/// Arguments.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Editors start this; it speaks the Language Server Protocol and nothing else.

  Neovim   vim.lsp.start({ name = 'haggle', cmd = { 'haggle', 'sdl', 'lsp' } })
  Helix    [language-server.haggle]
           command = \"haggle\"
           args = [\"sdl\", \"lsp\"]
  Emacs    (add-to-list 'eglot-server-programs '(yaml-mode . (\"haggle\" \"sdl\" \"lsp\")))

Diagnostics, hover, completion, go to definition, symbols and formatting.")]
pub struct Args {
    /// Ignored; editors add it
    #[arg(long, hide = true)]
    pub stdio: bool,
}

/// Runs the command until the editor leaves.
pub fn run(_args: &Args) -> Result {
    ::lsp::serve(io::stdin(), io::stdout())
        .map_err(|it| Failure::new("the language server stopped").caused_by(it))
}
