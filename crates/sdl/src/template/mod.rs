//! A deployment file from a few answers: image, ports, size, budget.
//!
//! Called by `haggle sdl new` and by browsers that ask the same [`questions`]. [`known_image`] knows what
//! well-known images listen on and where they keep their data. The text that comes out carries comments for a
//! reader who sees the language for the first time, and it compiles: it is compiled before it is handed back.

use crate::quantity::Price;
use serde::Serialize;
use std::collections::BTreeMap;

/// Answers by key of the question.
pub type Answers = BTreeMap<String, String>;

/// An answer, or a field, that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{key}: {message}")]
pub struct Problem {
    /// The question's key.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Who may connect to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The world, by host name through the provider's HTTP ingress (outside port 80).
    Web,
    /// The world, on a port that the provider picks.
    World,
    /// Only other services of the deployment.
    Internal,
}

/// `TCP` or `UDP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Proto {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// One port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Port in the container.
    pub port: u16,
    /// Protocol.
    pub proto: Proto,
    /// Who may connect.
    pub audience: Audience,
    /// Own host names, for [`Audience::Web`].
    pub hosts: Vec<String>,
}

/// Graphics cards of one replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gpu {
    /// Number of cards, 1 to 24.
    pub units: u32,
    /// Models that would do, as providers spell them (`rtx4090`); empty for any.
    pub models: Vec<String>,
}

/// What one replica gets, as SDL spells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Cores: `0.5`, `2`, `500m`.
    pub cpu: String,
    /// Memory: `512Mi`.
    pub memory: String,
    /// Disk that is emptied on each restart: `1Gi`.
    pub storage: String,
    /// Graphics cards.
    pub gpu: Option<Gpu>,
}

/// Storage that outlives restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// Name.
    pub name: String,
    /// Size: `10Gi`.
    pub size: String,
    /// Where it appears in the container.
    pub mount: String,
    /// `beta1` (HDD), `beta2` (SSD), `beta3` (NVMe) or `default`.
    pub class: String,
}

/// How much it may cost at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// Whole units (ACT, AKT) per month for all replicas together, as decimal text.
    PerMonth(String),
    /// Micro units per block for one replica, as decimal text: what stands in the file.
    PerBlock(String),
}

/// Everything that the file will say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Template {
    /// Name of the service, its profile and its host name inside the deployment.
    pub name: String,
    /// Container image.
    pub image: String,
    /// Ports; at least one must not be internal.
    pub ports: Vec<Port>,
    /// Resources of one replica.
    pub size: Size,
    /// Persistent volumes.
    pub volumes: Vec<Volume>,
    /// Environment variables in order.
    pub env: Vec<(String, String)>,
    /// Replaces the image's entry point; empty keeps it.
    pub command: Vec<String>,
    /// Replaces the image's arguments; empty keeps them.
    pub args: Vec<String>,
    /// Number of replicas.
    pub replicas: u32,
    /// The most that it may cost.
    pub budget: Budget,
    /// Denomination of the price.
    pub denom: String,
    /// Average time between blocks, milliseconds, for the price per block.
    pub block_time_ms: u64,
    /// Name of the placement.
    pub placement: String,
    /// Attributes that a provider must have, e.g. `region`.
    pub attributes: BTreeMap<String, String>,
    /// Auditors of whom one must have signed the provider.
    pub signed_by_any: Vec<String>,
}

/// One question of the wizard, the same on a terminal and in a browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Question {
    /// The key of its answer.
    pub key: &'static str,
    /// What is asked.
    pub prompt: String,
    /// What to consider.
    pub help: String,
    /// The answer when there is none.
    pub default: String,
    /// The only answers, where there are few; empty otherwise.
    pub choices: Vec<&'static str>,
}

impl Question {
    /// Says whether an answer can be used. An empty answer stands for the default.
    ///
    /// # Errors
    /// What is wrong and what would be right.
    pub fn check(&self, answer: &str) -> Result<(), String> {
        questions::check(self, answer)
    }
}

/// The questions that these answers leave or have led to, in order: which ones there are, and their defaults,
/// depends on what was answered (the image suggests ports, `size=custom` asks for numbers).
#[must_use]
pub fn questions(answers: &Answers) -> Vec<Question> {
    questions::all(answers)
}

/// The first question without an answer: ask until there is none.
#[must_use]
pub fn next_question(answers: &Answers) -> Option<Question> {
    questions(answers).into_iter().find(|it| !answers.contains_key(it.key))
}

impl Template {
    /// What an image suggests, at a small size and budget.
    #[must_use]
    pub fn new(image: &str) -> Self {
        images::template(image)
    }

    /// A template from answers; what was not answered takes the question's default.
    ///
    /// # Errors
    /// Every answer that cannot be used.
    pub fn from_answers(answers: &Answers) -> Result<Self, Vec<Problem>> {
        questions::template(answers)
    }

    /// The price of one replica per block, in micro units of the denomination, rounded down so that the budget
    /// holds.
    ///
    /// # Errors
    /// A budget that is no positive decimal number or too small for a price above zero.
    pub fn price_per_block(&self) -> Result<Price, Problem> {
        render::price_per_block(self)
    }

    /// The deployment file.
    ///
    /// # Errors
    /// Every field that would not compile.
    pub fn render(&self) -> Result<String, Vec<Problem>> {
        render::render(self)
    }
}

/// The sizes that have names.
#[must_use]
pub fn sizes() -> &'static [(&'static str, &'static str)] {
    questions::SIZES
}

pub(crate) mod estimate;
pub(crate) mod images;
mod questions;
mod render;
pub(crate) mod scalar;

pub use images::{KnownImage, known_image};
