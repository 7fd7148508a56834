//! `haggle sdl new`: a first file, from an image and a few answers.

use std::{fs, path::PathBuf};

use sdl::{
    Budget,
    template::{self, Answers, Problem, Question, Template},
};

use serde_json::json;

use super::{
    input::{self, STDIN},
    output, report, values,
};
use crate::{
    failure::{Failure, INTERRUPTED, Result},
    printer::Printer,
};

/// Where the file goes when nobody says.
const DEFAULT_OUTPUT: &str = "deploy.yaml";
/// The one answer that has no default.
const IMAGE: &str = "image";

/// Arguments.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  haggle sdl new                                        asks everything
  haggle sdl new nginx:1.28 --yes                       asks nothing
  haggle sdl new postgres:17 --size medium --budget 20 -o db.yaml
  haggle sdl new ghcr.io/me/app:1.4 --ports 8080/http --env LOG=info --yes -o - | haggle sdl check -

What is not said is asked on a terminal, and takes its default with --yes or in a script.

Exit codes: 0 written, 1 an answer cannot be used, 2 wrong command line, or the file is there
already, 130 interrupted")]
pub struct Args {
    /// The container image, with a tag
    #[arg(value_name = "IMAGE")]
    pub image: Option<String>,
    /// Name of the service [default: from the image]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Ports it listens on, such as 80/http,5432/tcp,9000/internal [default: from the image]
    #[arg(long, value_name = "PORTS")]
    pub ports: Option<String>,
    /// Own host names, separated with commas
    #[arg(long, value_name = "NAMES")]
    pub hosts: Option<String>,
    /// Resources of one replica: small, medium, large, gpu, or custom [default: from the image]
    #[arg(long, value_name = "SIZE")]
    pub size: Option<String>,
    /// Cores of one replica, such as 0.5
    #[arg(long, value_name = "CORES")]
    pub cpu: Option<String>,
    /// Memory of one replica, such as 512Mi
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Disk of one replica that is emptied on restart, such as 1Gi
    #[arg(long, value_name = "SIZE")]
    pub storage: Option<String>,
    /// Graphics cards of one replica
    #[arg(long, value_name = "COUNT")]
    pub gpus: Option<String>,
    /// Models of graphics cards that would do, such as rtx4090,a100/80Gi
    #[arg(long, value_name = "MODELS")]
    pub gpu_model: Option<String>,
    /// A directory whose contents outlive restarts, such as /data, or none
    #[arg(long, value_name = "PATH")]
    pub volume: Option<String>,
    /// Size of what is kept, such as 10Gi
    #[arg(long, value_name = "SIZE")]
    pub volume_size: Option<String>,
    /// Kind of disk: beta1 (HDD), beta2 (SSD), beta3 (NVMe), default
    #[arg(long, value_name = "CLASS")]
    pub volume_class: Option<String>,
    /// An environment variable; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::assignment)]
    pub env: Vec<(String, String)>,
    /// How many run at once [default: 1]
    #[arg(long, value_name = "COUNT")]
    pub replicas: Option<String>,
    /// The most that all replicas may cost, such as 20 or '20 usd/month' [default: from the size]
    #[arg(long, value_name = "MONEY", value_parser = values::budget)]
    pub budget: Option<Budget>,
    /// Take only providers that say they are there, such as us-west
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// An attribute that a provider must have; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::assignment)]
    pub attribute: Vec<(String, String)>,
    /// What prices are in [default: uact]
    #[arg(long, value_name = "DENOM")]
    pub denom: Option<String>,
    /// Where to write; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_OUTPUT)]
    pub output: PathBuf,
    /// Overwrite a file that is there already
    #[arg(long)]
    pub force: bool,
    /// Ask nothing; what is not said takes its default
    #[arg(short, long)]
    pub yes: bool,
}

/// Runs the command.
pub fn run(printer: &Printer, args: &Args) -> Result {
    let is_stdout = args.output.as_os_str() == STDIN;
    // Nobody should answer ten questions to hear this.
    if !is_stdout && !args.force && fs::symlink_metadata(&args.output).is_ok() {
        return Err(output::is_there(&input::name_of(&args.output)));
    }
    let mut answers = answers(args);
    let asks = printer.can_ask() && !args.yes;
    if asks {
        // What was typed as a flag is checked before anything is asked.
        Template::from_answers(&answers).map_err(unusable)?;
        interview(printer, &mut answers)?;
    } else if !answers.contains_key(IMAGE) {
        return Err(Failure::input("which image? Nobody can be asked")
            .hint("name it: `haggle sdl new nginx:1.28`"));
    }
    let text = Template::from_answers(&answers).and_then(|it| it.render()).map_err(unusable)?;
    if is_stdout {
        printer.raw(text.as_bytes());
        return Ok(());
    }
    let name = input::name_of(&args.output);
    if asks {
        printer.note("");
        printer.note(text.trim_end());
        printer.note("");
        if !printer.confirm(&format!("Write {name}"), true) {
            return Err(Failure::new("nothing was written").code(INTERRUPTED));
        }
    }
    output::write(&args.output, &text, args.force)?;
    printer.json(&json!({ "file": name, "sdl": text }));
    printer.done(format!("wrote {name}"));
    printer.note(format!("Next: haggle sdl explain {name}    haggle deploy {name}"));
    Ok(())
}

/// What the command line answers already.
fn answers(args: &Args) -> Answers {
    let mut answers = Answers::new();
    let budget = args.budget.map(values::whole);
    let (env, attributes) = (words(&args.env), words(&args.attribute));
    let said = [
        (IMAGE, &args.image),
        ("name", &args.name),
        ("ports", &args.ports),
        ("hosts", &args.hosts),
        ("size", &args.size),
        ("cpu", &args.cpu),
        ("memory", &args.memory),
        ("storage", &args.storage),
        ("gpu_units", &args.gpus),
        ("gpu_model", &args.gpu_model),
        ("volume", &args.volume),
        ("volume_size", &args.volume_size),
        ("volume_class", &args.volume_class),
        ("env", &env),
        ("replicas", &args.replicas),
        ("budget", &budget),
        ("region", &args.region),
        ("attributes", &attributes),
        ("denom", &args.denom),
    ];
    for (key, answer) in said {
        if let Some(answer) = answer {
            answers.insert(key.to_owned(), answer.clone());
        }
    }
    answers
}

/// Assignments as the wizard reads them: separated with spaces, values quoted.
fn words(list: &[(String, String)]) -> Option<String> {
    let word =
        |(name, value): &(String, String)| format!("{name}='{}'", value.replace('\'', r"'\''"));
    (!list.is_empty()).then(|| list.iter().map(word).collect::<Vec<_>>().join(" "))
}

/// Asks what is not answered yet.
fn interview(printer: &Printer, answers: &mut Answers) -> Result {
    while let Some(question) = template::next_question(answers) {
        let answer = ask(printer, &question)
            .ok_or_else(|| Failure::new("nothing was written").code(INTERRUPTED))?;
        answers.insert(question.key.to_owned(), answer);
    }
    Ok(())
}

fn ask(printer: &Printer, question: &Question) -> Option<String> {
    printer.note("");
    if question.choices.is_empty() {
        explain(printer, question);
        return printer.ask(&question.prompt, &question.default, |it| question.check(it));
    }
    // Named sizes say what they are where they are chosen.
    let sizes = template::sizes();
    let is_size = question.choices.iter().all(|it| sizes.iter().any(|(name, _)| name == it));
    let item = |choice: &str| match sizes.iter().find(|(name, _)| is_size && *name == choice) {
        Some((name, what)) => format!("{name:8} {what}"),
        None => choice.to_owned(),
    };
    if !is_size {
        explain(printer, question);
    }
    let items: Vec<String> = question.choices.iter().map(|it| item(it)).collect();
    let default = question.choices.iter().position(|it| *it == question.default);
    let at = printer.choose(&question.prompt, &items, default.unwrap_or_default())?;
    question.choices.get(at).map(|it| (*it).to_owned())
}

fn explain(printer: &Printer, question: &Question) {
    for line in report::wrap(&question.help, printer.width()) {
        printer.hint(&line);
    }
}

fn unusable(problems: Vec<Problem>) -> Failure {
    let mut problems = problems.into_iter().map(|it| it.to_string());
    let mut failure = Failure::new(problems.next().unwrap_or_default());
    failure.messages.extend(problems);
    failure
}
