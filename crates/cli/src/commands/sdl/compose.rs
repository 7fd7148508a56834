//! `haggle sdl from-compose`: a Docker Compose file as a deployment file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use sdl::{
    Budget,
    compose::{self, Carried, Note},
};

use super::{
    input, output,
    report::{self, counted},
    values,
};
use crate::{
    failure::{Failure, Result},
    printer::Printer,
};

/// A word longer than this is no path, bytes.
const LONGEST_PATH: usize = 255;
/// A Compose file that names more files than this is not converted with all of them.
const MOST_FILES: usize = 64;

/// Arguments.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  haggle sdl from-compose docker-compose.yml > deploy.yaml
  haggle sdl from-compose compose.yaml -o deploy.yaml --image app=ghcr.io/me/app:1.4
  haggle sdl from-compose compose.yaml --env TAG=1.4 --env-file prod.env | haggle sdl check -

What cannot be carried over is said on stderr, with what to do about it.
Values for ${VARIABLES} come from --env, then --env-file, then the `.env` beside the file.

Exit codes: 0 done, 1 the file is no Compose file, 2 wrong command line, unreadable file, or a
file that is there already")]
pub struct Args {
    /// The Compose file; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write there instead of to standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Overwrite the file that --output names
    #[arg(long, requires = "output")]
    pub force: bool,
    /// A value for a ${VARIABLE} of the file; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::assignment)]
    pub env: Vec<(String, String)>,
    /// Values for ${VARIABLES}, one NAME=VALUE a line [default: .env beside the file]
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// A profile to switch on; may be given several times
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,
    /// The image of a service that Compose builds; may be given several times
    #[arg(long, value_name = "SERVICE=IMAGE", value_parser = values::assignment)]
    pub image: Vec<(String, String)>,
    /// The most that everything may cost, such as 20 or '20 usd/month'
    #[arg(long, value_name = "MONEY", value_parser = values::budget)]
    pub budget: Option<Budget>,
    /// What prices are in [default: uact]
    #[arg(long, value_name = "DENOM")]
    pub denom: Option<String>,
}

/// Runs the command.
pub fn run(printer: &Printer, args: &Args) -> Result {
    let source = input::read(&args.file)?;
    let text = sdl::source::text(&source.bytes)
        .map_err(|it| report::refuse(printer, &source.name, &it.with_name(&source.name)))?;
    let folder = args.file.parent().unwrap_or(Path::new(""));
    let options = compose::Options {
        environment: environment(args, folder)?,
        files: files(&text, folder),
        profiles: args.profile.clone(),
        images: args.image.iter().cloned().collect(),
        budget_per_month: args.budget.map(values::whole),
        denom: args.denom.clone(),
    };
    let converted = compose::from_compose_with(&text, &options)
        .map_err(|it| report::refuse(printer, &source.name, &it.with_name(&source.name)))?;
    if let Some(output) = &args.output {
        output::write(output, &converted.sdl, args.force)?;
    }
    printer.json(&converted);
    if args.output.is_none() && !printer.is_json() {
        printer.raw(converted.sdl.as_bytes());
    }
    tell(printer, &source.name, &converted.notes);
    if let Some(output) = &args.output {
        let name = input::name_of(output);
        printer.done(format!("wrote {name}; next: haggle sdl explain {name}"));
    }
    Ok(())
}

/// Says what became of what, the losses last: they are what is still to be done.
fn tell(printer: &Printer, name: &str, notes: &[Note]) {
    for carried in [Carried::Changed, Carried::Lost] {
        for it in notes.iter().filter(|it| it.carried == carried) {
            let place = format!("{name}:{}: {}", it.line, it.path);
            match carried {
                Carried::Lost => printer.warn(place),
                _ => printer.note(format!("changed: {place}")),
            }
            for text in std::iter::once(&it.text).chain(&it.advice) {
                for line in report::wrap(text, printer.width().saturating_sub(2)) {
                    printer.note(format!("  {line}"));
                }
            }
        }
    }
    let count = |carried| notes.iter().filter(|it| it.carried == carried).count();
    let (changed, lost) = (count(Carried::Changed), count(Carried::Lost));
    if changed + lost > 0 {
        printer.note(format!(
            "{} changed in meaning, {} could not be carried over",
            counted(changed, "thing"),
            lost
        ));
    }
}

fn environment(args: &Args, folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut environment = BTreeMap::new();
    let (path, must_exist) = match &args.env_file {
        Some(path) => (path.clone(), true),
        None => (folder.join(".env"), false),
    };
    match fs::read_to_string(&path) {
        Ok(text) => environment.extend(dotenv(&text)),
        Err(error) if must_exist || error.kind() != std::io::ErrorKind::NotFound => {
            let mut failure = Failure::input(format!("could not read {}", input::name_of(&path)));
            failure.messages.push(input::reason(&error));
            return Err(failure);
        }
        Err(_) => {}
    }
    environment.extend(args.env.iter().cloned());
    Ok(environment)
}

/// The files that a Compose file names and that lie below its folder, by the path as written there.
/// Nothing outside of the folder is read: a Compose file may be somebody else's.
fn files(text: &str, folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for word in text.split(|it: char| it.is_whitespace() || "\"'[]{},".contains(it)) {
        let path = Path::new(word);
        let is_below = path
            .components()
            .all(|it| matches!(it, std::path::Component::Normal(_) | std::path::Component::CurDir));
        if word.is_empty() || word.len() > LONGEST_PATH || !is_below || files.len() >= MOST_FILES {
            continue;
        }
        if let Ok(source) = input::read_regular(&folder.join(path))
            && let Ok(text) = sdl::source::text(&source)
        {
            files.insert(word.to_owned(), text.into_owned());
        }
    }
    files
}

/// Reads the lines of a `.env` file as Compose does: comments, `export`, quotes.
fn dotenv(text: &str) -> impl Iterator<Item = (String, String)> {
    text.lines().filter_map(|line| {
        let line = line.trim().trim_start_matches("export ").trim_start();
        let (name, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        let value = value.trim();
        let quoted = ['"', '\''].iter().find_map(|quote| {
            let rest = value.strip_prefix(*quote)?;
            Some((*quote, rest.get(..rest.find(*quote)?)?))
        });
        let value = match quoted {
            Some(('"', inner)) => inner.replace("\\n", "\n"),
            Some((_, inner)) => inner.to_owned(),
            // A comment needs a space before it.
            None => value.split(" #").next().unwrap_or_default().trim_end().to_owned(),
        };
        Some((name.trim().to_owned(), value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_env_file_has_comments_quotes_and_exports() {
        let text = "# c\nA=1\nexport B = two words \nC=\"x # y\"\nD='it''s'\nE=a#b # c\nF=\nbad\n";
        let read: Vec<_> = dotenv(text).collect();
        let expected =
            [("A", "1"), ("B", "two words"), ("C", "x # y"), ("D", "it"), ("E", "a#b"), ("F", "")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
