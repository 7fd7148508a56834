//! The event query language: reading it, and saying what it matches.
//!
//! Source: cosmos.md 2.7-2.9. Called by subscriptions (conditions may match different events) and
//! by tx_search and block_search (all conditions must match one event). Owns no state.

use std::{cmp::Ordering, fmt, ops::RangeInclusive};

use sha2::{Digest, Sha256};
use types::{
    timestamp,
    wire::tendermint::abci::{Event, ExecTxResult},
};

use crate::chain::{Chain, ChainError, Result, TxPlace};

/// Longest query in bytes.
pub const MAX_QUERY_LEN: usize = 512;

/// The most blocks whose results one search reads. The reference reads them all.
pub const SEARCHED_MAX: usize = 50_000;

/// A parsed query: conditions joined by AND.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    text: String,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Contains(String),
    Equals(String),
    /// A number, in decimal text.
    Number(Operator, Decimal),
    /// Seconds and nanoseconds since 1970.
    Moment(Operator, (i64, i32)),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Operator {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Equal => ordering.is_eq(),
            Self::GreaterOrEqual => ordering.is_ge(),
            Self::Greater => ordering.is_gt(),
        }
    }
}

/// A number of any length, split at its point; without needless zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    whole: String,
    fraction: String,
}

impl Decimal {
    /// Reads a text that is a number as a whole.
    fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let numeric = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
        if !numeric(whole) || !numeric(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Self { negative: negative && !zero, whole, fraction })
    }

    /// Reads the number that a text begins with, as in `5000uakt`.
    fn leading(text: &str) -> Option<Self> {
        let whole = text.bytes().take_while(u8::is_ascii_digit).count();
        let after = text.get(whole..)?;
        let fraction = after
            .strip_prefix('.')
            .map_or(0, |it| it.bytes().take_while(u8::is_ascii_digit).count());
        let end = if fraction == 0 { whole } else { whole + 1 + fraction };
        Self::parse(text.get(..end)?)
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (true, true) => other.compare_magnitude(self),
            (false, false) => self.compare_magnitude(other),
        }
    }

    fn compare_magnitude(&self, other: &Self) -> Ordering {
        self.whole
            .len()
            .cmp(&other.whole.len())
            .then_with(|| self.whole.cmp(&other.whole))
            .then_with(|| self.fraction.cmp(&other.fraction))
    }
}

/// Why a text is no query. The texts are the reference's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryParseError {
    #[error("maximum query length exceeded")]
    TooLong,
    #[error("offset {0}: EOF")]
    End(usize),
    #[error("offset {offset}: {cause}")]
    Unexpected { offset: usize, cause: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Tag(String),
    Text(String),
    Number(String),
    Date(String),
    Time(String),
    And,
    Exists,
    Contains,
    Compare(Operator),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tag(_) => "tag",
            Self::Text(_) => "string",
            Self::Number(_) => "number",
            Self::Date(_) => "date",
            Self::Time(_) => "timestamp",
            Self::And => "AND operator",
            Self::Exists => "EXISTS operator",
            Self::Contains => "CONTAINS operator",
            Self::Compare(Operator::Equal) => "= operator",
            Self::Compare(Operator::Less) => "< operator",
            Self::Compare(Operator::LessOrEqual) => "<= operator",
            Self::Compare(Operator::Greater) => "> operator",
            Self::Compare(Operator::GreaterOrEqual) => ">= operator",
        })
    }
}

/// Reads tokens with the place where each begins.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, while_it: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|it| !while_it(it)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// The next token, or `None` at the end.
    fn next(&mut self) -> std::result::Result<Option<(usize, Token)>, QueryParseError> {
        self.take(char::is_whitespace);
        let start = self.at;
        let unexpected = |cause: String| QueryParseError::Unexpected { offset: start, cause };
        let Some(first) = self.rest().chars().next() else { return Ok(None) };
        let token = match first {
            '\'' => {
                self.at += 1;
                let text = self.take(|it| it != '\'').to_owned();
                if self.rest().is_empty() {
                    return Err(unexpected("unterminated string".to_owned()));
                }
                self.at += 1;
                Token::Text(text)
            }
            '0'..='9' | '-' => {
                self.at += first.len_utf8();
                self.take(|it| it.is_ascii_digit() || it == '.');
                let number = self.text.get(start..self.at).unwrap_or_default();
                if Decimal::parse(number).is_none() {
                    return Err(unexpected("invalid number".to_owned()));
                }
                Token::Number(number.to_owned())
            }
            '<' | '>' | '=' => {
                self.at += 1;
                let or_equal = first != '=' && self.rest().starts_with('=');
                if or_equal {
                    self.at += 1;
                }
                Token::Compare(match (first, or_equal) {
                    ('<', false) => Operator::Less,
                    ('<', true) => Operator::LessOrEqual,
                    ('>', false) => Operator::Greater,
                    ('>', true) => Operator::GreaterOrEqual,
                    _ => Operator::Equal,
                })
            }
            it if it.is_alphabetic() => {
                let word =
                    self.take(|it| it.is_alphanumeric() || matches!(it, '.' | '_' | '-' | '/'));
                match word {
                    "AND" => Token::And,
                    "EXISTS" => Token::Exists,
                    "CONTAINS" => Token::Contains,
                    "DATE" | "TIME" => {
                        self.take(char::is_whitespace);
                        let value = self
                            .take(|it| {
                                it.is_ascii_alphanumeric() || matches!(it, '-' | ':' | '.' | '+')
                            })
                            .to_owned();
                        if word == "DATE" { Token::Date(value) } else { Token::Time(value) }
                    }
                    tag => Token::Tag(tag.to_owned()),
                }
            }
            other => return Err(unexpected(format!("invalid character {other:?}"))),
        };
        Ok(Some((start, token)))
    }

    fn require(&mut self) -> std::result::Result<(usize, Token), QueryParseError> {
        self.next()?.ok_or(QueryParseError::End(self.text.len()))
    }
}

impl Query {
    /// Reads a query.
    pub fn parse(text: &str) -> std::result::Result<Self, QueryParseError> {
        if text.len() > MAX_QUERY_LEN {
            return Err(QueryParseError::TooLong);
        }
        let mut scanner = Scanner { text, at: 0 };
        let mut conditions = Vec::new();
        loop {
            conditions.push(condition(&mut scanner)?);
            match scanner.next()? {
                None => return Ok(Self { text: text.to_owned(), conditions }),
                Some((_, Token::And)) => {}
                Some((offset, token)) => {
                    let cause = format!("got {token}, want 6");
                    return Err(QueryParseError::Unexpected { offset, cause });
                }
            }
        }
    }

    /// Whether events of one transaction or block match, each condition by any of them: what
    /// subscriptions ask.
    #[must_use]
    pub fn matches(&self, events: &[Event]) -> bool {
        self.conditions.iter().all(|it| events.iter().any(|event| it.matches(event)))
    }

    /// The hash that `tx.hash='…'` asks for, which makes all other conditions void.
    fn tx_hash(&self) -> Option<&str> {
        self.conditions.iter().find_map(|it| match &it.test {
            Test::Equals(hash) if it.key == "tx.hash" => Some(hash.as_str()),
            _ => None,
        })
    }

    /// Whether some conditions are not about heights, and one event meets all of those. Without
    /// any such condition every transaction matches.
    fn indexed(&self, events: &[Event], height_key: &str) -> bool {
        let others: Vec<_> = self.conditions.iter().filter(|it| it.key != height_key).collect();
        others.is_empty()
            || events.iter().any(|event| others.iter().all(|it| it.matches_indexed(event)))
    }

    /// The `(type.key, value)` pairs that every match must have, for [`Chain::heights_with`].
    fn equalities(&self, height_key: &str) -> Vec<(&str, &str)> {
        let others = self.conditions.iter().filter(|it| it.key != height_key);
        others
            .filter_map(|it| match &it.test {
                Test::Equals(value) => Some((it.key.as_str(), value.as_str())),
                _ => None,
            })
            .collect()
    }

    /// The part of `span` outside of which no height is allowed.
    fn within(&self, span: RangeInclusive<i64>, height_key: &str) -> RangeInclusive<i64> {
        let (mut low, mut high) = span.into_inner();
        for condition in self.conditions.iter().filter(|it| it.key == height_key) {
            let Test::Number(operator, number) = &condition.test else { continue };
            let whole = if number.whole.is_empty() { "0" } else { number.whole.as_str() };
            // What is too large for a height is beyond any of them.
            let limit = whole.parse::<i64>().unwrap_or(i64::MAX);
            let limit = if number.negative { -limit } else { limit };
            if matches!(operator, Operator::Less | Operator::LessOrEqual | Operator::Equal) {
                high = high.min(limit);
            }
            if matches!(operator, Operator::Greater | Operator::GreaterOrEqual | Operator::Equal) {
                low = low.max(limit);
            }
        }
        low..=high
    }

    /// Whether the conditions about heights allow this one.
    fn allows(&self, height: i64, height_key: &str) -> bool {
        self.conditions.iter().filter(|it| it.key == height_key).all(|it| match &it.test {
            Test::Exists => true,
            Test::Number(operator, number) => Decimal::parse(&height.to_string())
                .is_some_and(|height| operator.holds(height.compare(number))),
            _ => false,
        })
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn condition(scanner: &mut Scanner<'_>) -> std::result::Result<Condition, QueryParseError> {
    let unexpected = |offset, token: &Token, wanted: &str| QueryParseError::Unexpected {
        offset,
        cause: format!("got {token}, wanted {wanted}"),
    };
    let key = match scanner.require()? {
        (_, Token::Tag(key)) => key,
        (offset, token) => return Err(unexpected(offset, &token, "tag")),
    };
    let operator = match scanner.require()? {
        (_, Token::Exists) => return Ok(Condition { key, test: Test::Exists }),
        (_, Token::Contains) => {
            return match scanner.require()? {
                (_, Token::Text(text)) => Ok(Condition { key, test: Test::Contains(text) }),
                (offset, token) => Err(unexpected(offset, &token, "string")),
            };
        }
        (_, Token::Compare(operator)) => operator,
        (offset, token) => {
            let wanted = "<= operator, >= operator, < operator, > operator, = operator, \
                          CONTAINS operator or EXISTS operator";
            return Err(unexpected(offset, &token, wanted));
        }
    };
    let moment = |it: types::timestamp::Timestamp| (it.seconds, it.nanos);
    let test = match scanner.require()? {
        (_, Token::Text(text)) if operator == Operator::Equal => Test::Equals(text),
        (offset, Token::Number(text)) => {
            let number = Decimal::parse(&text).ok_or(QueryParseError::End(offset))?;
            Test::Number(operator, number)
        }
        (offset, Token::Date(text)) => {
            let time = timestamp::parse_date(&text).ok_or_else(|| bad_time(offset, &text))?;
            Test::Moment(operator, moment(time))
        }
        (offset, Token::Time(text)) => {
            let time = timestamp::parse(&text).ok_or_else(|| bad_time(offset, &text))?;
            Test::Moment(operator, moment(time))
        }
        (offset, token) => return Err(unexpected(offset, &token, "number, date or timestamp")),
    };
    Ok(Condition { key, test })
}

fn bad_time(offset: usize, text: &str) -> QueryParseError {
    QueryParseError::Unexpected { offset, cause: format!("invalid time {text:?}") }
}

impl Condition {
    /// The values under this key in one event; a key that is just the type has an empty value.
    fn values<'e>(&self, event: &'e Event) -> Vec<&'e str> {
        let Some(rest) = self.key.strip_prefix(event.r#type.as_str()) else { return Vec::new() };
        if rest.is_empty() {
            return vec![""];
        }
        let Some(key) = rest.strip_prefix('.') else { return Vec::new() };
        let wanted = event.attributes.iter().filter(|it| it.key == key);
        wanted.map(|it| it.value.as_str()).collect()
    }

    fn matches(&self, event: &Event) -> bool {
        self.values(event).into_iter().any(|it| self.test.passes(it, Decimal::leading))
    }

    fn matches_indexed(&self, event: &Event) -> bool {
        self.values(event).into_iter().any(|it| self.test.passes(it, Decimal::parse))
    }
}

impl Test {
    fn passes(&self, value: &str, number_of: fn(&str) -> Option<Decimal>) -> bool {
        match self {
            Self::Exists => true,
            Self::Contains(part) => value.contains(part.as_str()),
            Self::Equals(text) => value == text,
            Self::Number(operator, number) => {
                number_of(value).is_some_and(|it| operator.holds(it.compare(number)))
            }
            Self::Moment(operator, moment) => timestamp::parse(value)
                .or_else(|| timestamp::parse_date(value))
                .is_some_and(|it| operator.holds((it.seconds, it.nanos).cmp(moment))),
        }
    }
}

/// Reads the results of every height that a query allows.
async fn scan<C: Chain + ?Sized>(
    chain: &C,
    query: &Query,
    height_key: &str,
    mut each: impl FnMut(i64, Vec<ExecTxResult>, Vec<Event>),
) -> Result<()> {
    let Some(span) = chain.span() else { return Ok(()) };
    let span = query.within(span, height_key);
    let known = match query.equalities(height_key) {
        pairs if pairs.is_empty() => None,
        pairs => chain.heights_with(&pairs).await?,
    };
    let heights: Box<dyn Iterator<Item = i64> + Send> = match known {
        Some(heights) => Box::new(heights.into_iter().filter(move |it| span.contains(it))),
        None => Box::new(span),
    };
    for height in bounded(heights.filter(|it| query.allows(*it, height_key)), height_key) {
        let height = height?;
        if let Some(results) = chain.results(height).await? {
            each(height, results.tx_results, results.events);
        }
    }
    Ok(())
}

/// The first heights, then a refusal if there are more than a search reads.
fn bounded(
    heights: impl Iterator<Item = i64>,
    height_key: &str,
) -> impl Iterator<Item = Result<i64>> {
    heights.enumerate().map(move |(at, height)| match at < SEARCHED_MAX {
        true => Ok(height),
        false => Err(ChainError(format!(
            "more than {SEARCHED_MAX} blocks would have to be searched; narrow the query by {height_key}"
        ))),
    })
}

/// Transactions that match, by reading results one height after the other.
pub async fn scan_txs<C: Chain + ?Sized>(chain: &C, query: &Query) -> Result<Vec<TxPlace>> {
    if let Some(hash) = query.tx_hash() {
        let Ok(hash) = hex::decode(hash) else { return Ok(Vec::new()) };
        return Ok(chain.place_of_tx(&hash).await?.into_iter().collect());
    }
    let mut places = Vec::new();
    scan(chain, query, "tx.height", |height, txs, _| {
        for (index, tx) in (0u32..).zip(txs) {
            if query.indexed(&tx.events, "tx.height") {
                places.push(TxPlace { height, index });
            }
        }
    })
    .await?;
    Ok(places)
}

/// Blocks that match, by reading results one height after the other.
pub async fn scan_blocks<C: Chain + ?Sized>(chain: &C, query: &Query) -> Result<Vec<i64>> {
    let mut heights = Vec::new();
    scan(chain, query, "block.height", |height, _, events| {
        if query.indexed(&events, "block.height") {
            heights.push(height);
        }
    })
    .await?;
    Ok(heights)
}

/// The name of a transaction: SHA-256 of its bytes.
#[must_use]
pub fn tx_hash(tx: &[u8]) -> [u8; 32] {
    Sha256::digest(tx).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use types::wire::tendermint::abci::EventAttribute;

    use super::*;

    fn event(kind: &str, attributes: &[(&str, &str)]) -> Event {
        let attribute = |(key, value): &(&str, &str)| EventAttribute {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
            index: true,
        };
        Event { r#type: kind.to_owned(), attributes: attributes.iter().map(attribute).collect() }
    }

    fn holds(query: &str, events: &[Event]) -> bool {
        Query::parse(query).unwrap().matches(events)
    }

    #[test]
    fn a_search_reads_so_many_blocks_and_then_says_how_to_ask_for_less() {
        let most = i64::try_from(SEARCHED_MAX).unwrap();
        assert!(bounded(1..=most, "tx.height").all(|it| it.is_ok()));
        let refused = bounded(1..=most + 1, "tx.height").find_map(Result::err).unwrap();
        assert!(refused.0.contains("narrow the query by tx.height"), "{refused:?}");
    }

    #[test]
    fn conditions_of_a_subscription_may_match_different_events() {
        let events = [
            event("transfer", &[("recipient", "bob"), ("amount", "5000uakt")]),
            event("message", &[("sender", "alice"), ("time", "2026-01-02T03:04:05Z")]),
            event("akash.market.v1.EventBidCreated", &[("id", "{}")]),
        ];
        for (query, wanted) in [
            ("transfer.recipient='bob' AND message.sender='alice'", true),
            ("transfer.recipient='bob' AND message.sender='carol'", false),
            ("transfer.amount > 4999.5", true),
            ("transfer.amount>=5000 AND transfer.amount<=5000", true),
            ("transfer.amount < 5000", false),
            ("transfer.amount CONTAINS 'uakt'", true),
            ("transfer.amount CONTAINS 'uact'", false),
            ("akash.market.v1.EventBidCreated.id EXISTS", true),
            ("akash.market.v1.EventBidCreated EXISTS", true),
            ("akash.market.v1.EventBidClosed.id EXISTS", false),
            ("message.time >= TIME 2026-01-02T03:04:05Z", true),
            ("message.time < DATE 2026-01-02", false),
            ("message.sender = 5", false),
        ] {
            assert_eq!(holds(query, &events), wanted, "{query}");
        }
    }

    #[test]
    fn searches_want_one_event_that_meets_all_and_numbers_that_are_nothing_else() {
        let events = [
            event("message", &[("action", "send"), ("sender", "alice")]),
            event("transfer", &[("sender", "bob"), ("amount", "5000uakt"), ("count", "17")]),
        ];
        for (query, wanted) in [
            ("message.action='send' AND message.sender='alice'", true),
            ("message.action='send' AND transfer.sender='bob'", false),
            ("transfer.amount > 5", false),
            ("transfer.count > 16", true),
            ("tx.height = 3 AND transfer.count = 17", true),
        ] {
            assert_eq!(
                Query::parse(query).unwrap().indexed(&events, "tx.height"),
                wanted,
                "{query}"
            );
        }
        let query = Query::parse("tx.height >= 3 AND tx.height < 8").unwrap();
        let heights: Vec<_> = (1..12).filter(|it| query.allows(*it, "tx.height")).collect();
        assert_eq!(heights, [3, 4, 5, 6, 7]);
        assert_eq!(query.within(1..=100, "tx.height"), 3..=8);
        for (query, wanted) in [
            ("tx.height=14", 14..=14),
            ("tx.height>3 AND tx.height>7", 7..=100),
            ("tx.height<=99999999999999999999", 1..=100),
            ("tx.height>-5", 1..=100),
            ("message.sender='x'", 1..=100),
        ] {
            assert_eq!(
                Query::parse(query).unwrap().within(1..=100, "tx.height"),
                wanted,
                "{query}"
            );
        }
        assert!(!Query::parse("tx.height='3'").unwrap().allows(3, "tx.height"));
    }

    #[test]
    fn broken_queries_are_refused_with_the_texts_of_the_reference() {
        for (query, wanted) in [
            ("", "offset 0: EOF"),
            ("junk", "offset 4: EOF"),
            ("tx.height=3 AND", "offset 15: EOF"),
            (
                "junk query",
                "offset 5: got tag, wanted <= operator, >= operator, < operator, > operator, \
                 = operator, CONTAINS operator or EXISTS operator",
            ),
        ] {
            assert_eq!(Query::parse(query).unwrap_err().to_string(), wanted, "{query}");
        }
        for query in ["a='b' OR c='d'", "a='b", "a > 'b'", "a=", "=5", "a=1.2.3", "a=-", "a=DATE x"]
        {
            assert!(Query::parse(query).is_err(), "{query}");
        }
        assert_eq!(Query::parse(&"x".repeat(513)), Err(QueryParseError::TooLong));
    }
}
