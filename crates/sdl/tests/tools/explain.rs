use crate::snapshot;
use sdl::explain::{Explanation, Options, Reach, explain};
use sdl::quantity::Price;

fn file(name: &str) -> sdl::Compiled {
    let text = std::fs::read_to_string(snapshot::folder("files").join(name)).unwrap();
    sdl::compile(&text).unwrap()
}

fn minimal(change: impl Fn(&str) -> String) -> Explanation {
    let text = "version: \"2.0\"\nservices: {web: {image: nginx:1, expose: [{port: 80, to: [{global: true}]}]}}\nprofiles:\n  compute: {web: {resources: {cpu: {units: 1}, memory: {size: 1Gi}, storage: {size: 1Gi}}}}\n  placement: {dc: {pricing: {web: {denom: uact, amount: 13}}}}\ndeployment: {web: {dc: {profile: web, count: 1}}}\n";
    explain(&sdl::compile(&change(text)).unwrap(), &Options::default())
}

#[test]
fn a_shop_reads_like_an_order() {
    let explanation = explain(&file("shop.yaml"), &Options::default());
    snapshot::check("explain-shop.txt", &explanation.to_text(100));
    snapshot::check(
        "explain-shop.json",
        &format!("{:#}\n", serde_json::to_value(&explanation).unwrap()),
    );
}

#[test]
fn cards_volumes_and_obstacles_are_named() {
    let akt = Options { akt_price_usd: Some(Price::parse("0.465").unwrap()), ..Options::default() };
    let explanation = explain(&file("cards.yaml"), &akt);
    snapshot::check("explain-cards.txt", &explanation.to_text(100));
}

#[test]
fn no_line_is_wider_than_asked_where_words_can_be_broken() {
    let explanation = explain(&file("shop.yaml"), &Options::default());
    for width in [60, 80, 120] {
        for line in explanation.to_text(width).lines() {
            let longest_word =
                line.split_whitespace().map(|it| it.chars().count()).max().unwrap_or(0);
            assert!(line.chars().count() <= width.max(longest_word + 16), "{width}: {line}");
        }
    }
}

#[test]
fn costs_are_exact_and_never_rounded_down() {
    // 13 per block of 6.5 s: 2 per second.
    let cost = minimal(str::to_owned).cost.unwrap();
    assert_eq!(cost.per_block.amount, "13");
    assert_eq!(cost.per_hour.amount, "7200");
    assert_eq!(cost.per_day.amount, "172800");
    assert_eq!(cost.per_month.amount, "5259600");
    assert_eq!(cost.per_month.words, "5.2596 ACT");
    assert_eq!(cost.per_month.usd.as_deref(), Some("5.26 USD"));
    // A third of a micro unit per hour is a whole one on the bill.
    let cost = minimal(|it| it.replace("amount: 13", "amount: 0.0001")).cost.unwrap();
    assert_eq!(cost.per_hour.amount, "0.055384615384615385");
    assert_eq!(cost.per_hour.words, "0.000001 ACT");
    assert_eq!(cost.per_hour.usd.as_deref(), Some("0.000001 USD"));
    // The dearest that compiles does not overflow.
    let dear = minimal(|it| {
        it.replace("amount: 13", "amount: 9999999.999999999999999999")
            .replace("count: 1", "count: 19000")
    });
    assert_eq!(dear.cost.unwrap().per_month.amount, "76871076923076923.076923069235969231");
}

#[test]
fn the_minimum_deposit_lasts_a_whole_number_of_blocks() {
    let deposit = minimal(str::to_owned).deposit.unwrap();
    // 500,000 / 13 = 38,461.5 blocks of 6.5 s.
    assert_eq!(deposit.lasts_blocks, "38461");
    assert_eq!(deposit.lasts, "2 days 21 hours");
    assert_eq!(deposit.words, "0.5 ACT");
    assert_eq!(deposit.one_month, "5.2596 ACT");
}

#[test]
fn each_way_in_is_told_apart() {
    let reach = |expose: &str| {
        let it = minimal(|it| {
            it.replace(
                "expose: [{port: 80, to: [{global: true}]}]",
                &format!("expose: [{{port: 80, to: [{{global: true}}]}}, {expose}]"),
            )
        });
        let port = it.groups[0].services[0].ports.iter().find(|it| it.port != 80).unwrap().clone();
        (port.reach, port.outside)
    };
    assert_eq!(
        reach("{port: 8080, as: 80, to: [{global: true}]}"),
        (vec![Reach::Http, Reach::Internal], Some(80))
    );
    assert_eq!(reach("{port: 443, to: [{global: true}]}"), (vec![Reach::RandomPort], None));
    assert_eq!(
        reach("{port: 53, as: 80, proto: udp, to: [{global: true}]}"),
        (vec![Reach::RandomPort], None)
    );
    assert_eq!(reach("{port: 5432, to: [{service: web}]}"), (vec![Reach::Internal], Some(5432)));
    assert_eq!(reach("{port: 5432}"), (vec![Reach::Internal], Some(5432)));
}

#[test]
fn values_of_the_environment_stay_out() {
    let text = std::fs::read_to_string(snapshot::folder("files").join("shop.yaml")).unwrap();
    let text = text.replace("\"64mb\"", "\"64mb\", \"--requirepass\", \"tok-abc123\"");
    let explanation = explain(&sdl::compile(&text).unwrap(), &Options::default());
    assert!(
        explanation.to_text(120).contains("--requirepass (hidden)")
            || explanation.to_text(120).contains("--requirepass '(hidden)'")
    );
    for text in [explanation.to_text(80), serde_json::to_string(&explanation).unwrap()] {
        assert!(text.contains("API_TOKEN"));
        assert!(!text.contains("tok-abc123") && !text.contains("s3cret!"), "{text}");
    }
}

#[test]
fn every_real_file_can_be_explained() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/sdl/real");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    };
    let mut count = 0;
    for entry in entries {
        let Ok(text) = std::fs::read_to_string(entry.unwrap().path()) else { continue };
        let Ok(compiled) = sdl::compile(&text) else { continue };
        let explanation = explain(&compiled, &Options::default());
        assert!(explanation.to_text(100).contains(&compiled.version_hex()));
        count += 1;
    }
    assert!(count > 100, "{count}");
}
