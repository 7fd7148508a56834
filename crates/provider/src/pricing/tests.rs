use super::*;
use crate::quantity::ONE;

#[test]
fn a_denomination_without_a_table_has_no_price() {
    let tables = Strategy::Tables(BTreeMap::from([("uact".to_owned(), Table::default())]));
    let mut group = GroupSpec::default();
    group.resources.push(Default::default());
    "uusdc".clone_into(&mut group.resources[0].price.denom);
    "1".clone_into(&mut group.resources[0].price.amount);
    let price = futures::executor::block_on(tables.price("akash1", &group, &[]));
    assert_eq!(price, Err(Error::Denomination("uusdc".into())));
}

#[test]
fn a_price_that_does_not_divide_is_rounded_up() {
    assert_eq!(per_mi(1, 1), Some(1));
    assert_eq!(per_mi(MI, ONE), Some(ONE));
    assert_eq!(per_mi(MI * 3 + 1, 1), Some(4));
}

#[test]
fn a_table_of_zeros_is_free() {
    assert!(Table::default().is_free());
    assert!(!Table { ip: 1, ..Table::default() }.is_free());
}
