use ledger::testing;

use super::*;

fn dec(text: &str) -> Dec {
    text.parse().unwrap()
}

/// The parameters of the network.
fn network() -> Params {
    let percent = |number: i64| Dec::new(number, 2).unwrap().to_wire();
    Params {
        inflation_rate_change: percent(13),
        inflation_max: percent(20),
        inflation_min: percent(7),
        goal_bonded: percent(67),
        ..default_params()
    }
}

/// The first blocks of a recording with 10,000 blocks a year.
#[test]
fn inflation_follows_the_bonded_ratio_as_recorded() {
    let rules = Rules::read(&Params { blocks_per_year: 10_000, ..network() }).unwrap();
    let mut inflation = dec("0.12");
    for (bonded, expected) in [
        ("0.001911233807602463", "0.120012962916358957"),
        ("0.001911210870596249", "0.120025925833162960"),
        ("0.001911187931401090", "0.120038888750412052"),
    ] {
        inflation = rules.next_inflation(inflation, dec(bonded)).unwrap();
        assert_eq!(inflation.to_string(), expected);
    }
}

#[test]
fn inflation_stays_between_its_bounds() {
    let rules = Rules::read(&network()).unwrap();
    assert_eq!(rules.next_inflation(dec("0.5"), Dec::ZERO).unwrap(), dec("0.2"));
    assert_eq!(rules.next_inflation(dec("0.01"), Dec::ONE).unwrap(), dec("0.07"));
}

#[test]
fn a_block_mints_its_share_of_a_year_for_the_fee_collector() {
    let mut cx = testing::ctx();
    let inflation = Dec::new(13, 2).unwrap().to_wire();
    let minter = Minter { inflation, annual_provisions: zero() };
    Mint::init(&mut cx, GenesisState { minter, params: network() }).unwrap();
    let rich = types::Address::from([1; 20]);
    let coins = Coins::new([Coin::new("uakt", 1_000_000_000_000i64)]).unwrap();
    bank::mint(&mut cx, "bme", &coins).unwrap();
    bank::send(&mut cx, &auth::module_address("bme"), &rich, &coins).unwrap();
    provide(&mut cx).unwrap();
    let event = cx.events().last().unwrap().clone();
    assert_eq!(event.r#type, "mint");
    assert_eq!(testing::attribute(&event, "bonded_ratio"), "0.000000000000000000");
    // 0.13 + 0.13 / 6311520 of 10^12, by 6311520.
    assert_eq!(testing::attribute(&event, "inflation"), "0.130000020597257079");
    assert_eq!(testing::attribute(&event, "amount"), "20597");
    let collected = bank::balance(&cx, &auth::module_address(FEE_COLLECTOR), "uakt").unwrap();
    assert_eq!(collected, Int::from(20_597));
    assert_eq!(bank::supply(&cx, "uakt").unwrap(), Int::from(1_000_000_020_597i64));
    nothing_is_kept(&cx).unwrap();
}

#[test]
fn bad_parameters_are_refused_and_only_governance_may_set_them() {
    let mut cx = testing::ctx();
    let message = |params| MsgUpdateParams { authority: auth::authority_address(), params };
    for (bad, text) in [
        (Params { mint_denom: " ".to_owned(), ..network() }, "mint denom cannot be blank"),
        (Params { goal_bonded: "0".to_owned(), ..network() }, "goal bonded must be positive"),
        (Params { blocks_per_year: 0, ..network() }, "blocks per year must be positive"),
        (Params { inflation_max: "1".to_owned(), ..network() }, "max inflation ("),
        (Params { inflation_min: "-1".to_owned(), ..network() }, "cannot be negative"),
    ] {
        let fault = update_params(&mut cx, message(bad)).unwrap_err();
        assert!(fault.to_string().contains(text), "{fault}");
    }
    update_params(&mut cx, message(network())).unwrap();
    let stranger = MsgUpdateParams { authority: "akash1x".to_owned(), params: network() };
    let fault = update_params(&mut cx, stranger).unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), ("gov", 13));
}

#[test]
fn a_genesis_that_says_nothing_mints_nothing() {
    let mut cx = testing::ctx();
    Mint::init(&mut cx, Mint::default_genesis()).unwrap();
    bank::mint(&mut cx, "bme", &Coins::new([Coin::new("uakt", 1_000_000_000i64)]).unwrap())
        .unwrap();
    let before = Mint::export(&cx).unwrap();
    provide(&mut cx).unwrap();
    assert_eq!(bank::supply(&cx, "uakt").unwrap(), Int::from(1_000_000_000));
    assert_eq!(Mint::export(&cx).unwrap(), before);
}
