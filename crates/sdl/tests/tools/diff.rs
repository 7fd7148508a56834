use crate::snapshot;
use sdl::diff::{Changes, Consequence, Effect, diff};

const SHOP: &str = include_str!("files/shop.yaml");
const CARDS: &str = include_str!("files/cards.yaml");

fn compare(old: &str, new: &str) -> Changes {
    diff(&sdl::compile(old).unwrap(), &sdl::compile(new).unwrap())
}

/// Compares the shop with itself after replacing texts, each of which must be there.
fn shop(replacements: &[(&str, &str)]) -> Changes {
    let mut new = SHOP.to_owned();
    for (from, to) in replacements {
        assert!(new.contains(from), "{from}");
        new = new.replacen(from, to, 1);
    }
    let changes = compare(SHOP, &new);
    // What is called an update must be one that a provider takes; only then.
    let (old, new) = (sdl::compile(SHOP).unwrap(), sdl::compile(&new).unwrap());
    if changes.verdict <= Consequence::ManifestUpdate {
        new.manifest.check_against(&old.groups).unwrap();
    }
    assert_eq!(
        changes.verdict == Consequence::Nothing,
        old.version() == new.version() && changes.verdict != Consequence::NewDeployment
    );
    changes
}

fn only(changes: &Changes) -> (&str, Option<&str>, Option<&str>, Consequence, &[Effect]) {
    assert_eq!(changes.changes.len(), 1, "{changes:#?}");
    let it = &changes.changes[0];
    (&it.path, it.old.as_deref(), it.new.as_deref(), it.consequence, &it.effects)
}

use Consequence::{ManifestUpdate, NewDeployment, Nothing};
use Effect::{AddressChange, DataLoss, Restart};

#[test]
fn writing_changes_nothing() {
    let rewritten = format!(
        "# a comment\n{}",
        SHOP.replace("units: 0.25", "units: 250m").replace("384Mi", "393216Ki")
    );
    let changes = compare(SHOP, &rewritten);
    assert_eq!(changes.verdict, Nothing);
    assert!(changes.changes.is_empty() && changes.steps.is_empty());
    snapshot::check("diff-nothing.txt", &changes.to_text(80));
}

#[test]
fn what_an_update_may_carry() {
    let changes = shop(&[("front:1.4", "front:1.5")]);
    assert_eq!(
        only(&changes),
        (
            "services.front.image",
            Some("registry.example/front:1.4"),
            Some("registry.example/front:1.5"),
            ManifestUpdate,
            &[Restart][..]
        )
    );
    let changes = shop(&[("tok-abc123", "tok-xyz789")]);
    assert_eq!(
        only(&changes),
        (
            "services.front.env.API_TOKEN",
            Some("(hidden)"),
            Some("(hidden)"),
            ManifestUpdate,
            &[Restart][..]
        )
    );
    let changes = shop(&[("\"64mb\"", "\"96mb\"")]);
    assert_eq!(
        only(&changes),
        (
            "services.journal.args",
            Some("--maxmemory 64mb"),
            Some("--maxmemory 96mb"),
            ManifestUpdate,
            &[Restart][..]
        )
    );
    let changes = shop(&[("- shop.example", "- store.example")]);
    assert_eq!(
        only(&changes),
        (
            "services.front.expose.3000.accept",
            Some("shop.example"),
            Some("store.example"),
            ManifestUpdate,
            &[AddressChange][..]
        )
    );
    let changes = shop(&[("/var/lib/journal", "/data")]);
    assert_eq!(only(&changes).3, ManifestUpdate);
    let changes = shop(&[("s3cret!", "other")]);
    assert_eq!(
        only(&changes),
        (
            "services.front.credentials",
            Some("bob at registry.example, password (hidden)"),
            Some("bob at registry.example, password (hidden)"),
            ManifestUpdate,
            &[][..]
        )
    );
    // Another container port behind the same HTTP endpoint.
    let changes = shop(&[("port: 3000", "port: 3001")]);
    assert_eq!(
        only(&changes),
        (
            "services.front.expose.3000",
            Some("3000/TCP as 80 to the world"),
            Some("3001/TCP as 80 to the world"),
            ManifestUpdate,
            &[Restart][..]
        )
    );
    // Replicas may move between services that share a profile.
    let changes = shop(&[
        ("count: 2", "count: 1"),
        ("profile: small\n      count: 1\n\nrecl", "profile: small\n      count: 2\n\nrecl"),
    ]);
    assert_eq!(changes.verdict, ManifestUpdate, "{changes:#?}");
    // Only the hash notices.
    let changes = shop(&[(
        "      - shop.example\n",
        "      - shop.example\n        http_options: {read_timeout: 1000}\n",
    )]);
    assert_eq!(only(&changes).0, "services.front.expose.3000.http_options.read_timeout");
}

#[test]
fn what_forces_a_new_deployment() {
    for (from, to, path, effects) in [
        ("units: 0.25", "units: 0.5", "deployment.front.lakeside.profile.cpu", &[][..]),
        ("384Mi", "512Mi", "deployment.front.lakeside.profile.memory", &[]),
        (
            "size: 0.5Gi",
            "size: 1Gi",
            "deployment.front.lakeside.profile.storage.records",
            &[DataLoss],
        ),
        (
            "class: beta2",
            "class: beta3",
            "deployment.front.lakeside.profile.storage.records",
            &[DataLoss],
        ),
        ("amount: 12.5", "amount: 13", "profiles.placement.lakeside.pricing", &[]),
        ("region: north", "region: south", "profiles.placement.lakeside.attributes.region", &[]),
        ("akash1exampleauditor", "akash1other", "profiles.placement.lakeside.signedBy.anyOf", &[]),
        ("count: 2", "count: 3", "deployment.front.lakeside.count", &[]),
        ("min_window: 36h", "min_window: 48h", "reclamation.min_window", &[]),
        ("            ip: edge\n      - port: 3000", "      - port: 3000", "", &[]),
    ] {
        if path.is_empty() {
            continue;
        }
        let changes = shop(&[(from, to)]);
        assert_eq!(changes.verdict, NewDeployment, "{from}: {changes:#?}");
        let change = changes
            .changes
            .iter()
            .find(|it| it.path == path)
            .unwrap_or_else(|| panic!("{path}: {changes:#?}"));
        assert_eq!(
            (change.consequence, change.effects.as_slice()),
            (NewDeployment, effects),
            "{path}"
        );
    }
}

#[test]
fn services_endpoints_and_groups_are_fixed() {
    // One more HTTP endpoint than was bought.
    let changes = shop(&[(
        "      - port: 3000",
        "      - port: 9000\n        to: [{global: true}]\n      - port: 3000",
    )]);
    assert_eq!(
        only(&changes),
        (
            "services.front.expose.9000",
            None,
            Some("9000/TCP to the world"),
            NewDeployment,
            &[Restart, AddressChange][..]
        )
    );
    // From HTTP to a port of its own.
    let changes = shop(&[("        as: 80\n", "")]);
    assert_eq!(
        (changes.verdict, changes.changes[0].path.as_str()),
        (NewDeployment, "services.front.expose.3000.as")
    );
    // An internal port costs nothing.
    let changes = shop(&[(
        "      - port: 6379",
        "      - port: 6380\n        to: [{service: front}]\n      - port: 6379",
    )]);
    assert_eq!(changes.verdict, ManifestUpdate, "{changes:#?}");
    assert!(changes.changes.iter().any(|it| it.path == "services.journal.expose.6380"));
    // Another name.
    let renamed = SHOP.replace("journal:\n", "ledger:\n");
    let changes = compare(SHOP, &renamed);
    let paths: Vec<&str> = changes.changes.iter().map(|it| it.path.as_str()).collect();
    assert!(paths.contains(&"services.journal") && paths.contains(&"services.ledger"), "{paths:?}");
    assert_eq!(changes.verdict, NewDeployment);
    let west_only = CARDS.replace("    east: {profile: big, count: 3}\n", "");
    let changes = compare(CARDS, &west_only);
    assert_eq!(
        only(&changes),
        ("profiles.placement.east", Some("a group of model"), None, NewDeployment, &[DataLoss][..])
    );
    let changes = compare(CARDS, &CARDS.replace("rtx4090", "a100"));
    assert!(
        changes.changes.iter().any(|it| it.path == "deployment.model.east.profile.gpu"
            && it.new.as_deref() == Some("2 × NVIDIA A100 or NVIDIA H100 (80 GiB, SXM)")),
        "{changes:#?}"
    );
}

#[test]
fn an_empty_list_instead_of_none_is_an_update_of_the_hash_alone() {
    let changes = shop(&[(
        "image: registry.example/keyvalue:7\n",
        "image: registry.example/keyvalue:7\n    env: []\n",
    )]);
    assert_eq!(only(&changes).3, ManifestUpdate);
    assert!(changes.summary.contains("No container restarts"), "{}", changes.summary);
}

#[test]
fn a_mixed_diff_reads_verdict_first() {
    let changes = shop(&[
        ("front:1.4", "front:1.5"),
        ("tok-abc123", "new"),
        ("384Mi", "1Gi"),
        ("size: 0.5Gi", "size: 1Gi"),
        ("region: north", "zone: north"),
    ]);
    snapshot::check("diff-mixed.txt", &changes.to_text(100));
    snapshot::check("diff-mixed.json", &format!("{:#}\n", serde_json::to_value(&changes).unwrap()));
    let changes = shop(&[
        ("front:1.4", "front:1.5"),
        ("GREETING=<hi> & bye", "GREETING=hello"),
        ("port: 3000", "port: 3001"),
    ]);
    snapshot::check("diff-update.txt", &changes.to_text(100));
}

#[test]
fn every_real_file_equals_itself_and_differs_from_its_neighbour() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/sdl/real");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    };
    let texts = entries.filter_map(|it| std::fs::read_to_string(it.unwrap().path()).ok());
    let files: Vec<_> = texts.filter_map(|it| sdl::compile(&it).ok()).collect();
    for (index, file) in files.iter().enumerate() {
        assert_eq!(diff(file, file).changes, []);
        let next = &files[(index + 1) % files.len()];
        let changes = diff(file, next);
        let fits = next.manifest.check_against(&file.groups).is_ok();
        assert!(fits || changes.verdict == NewDeployment);
        assert!(!changes.to_text(80).is_empty());
    }
}
