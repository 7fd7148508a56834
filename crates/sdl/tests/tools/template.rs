use crate::snapshot;
use sdl::template::{Answers, Audience, Budget, Template, known_image, next_question, questions};

fn answers(list: &[(&str, &str)]) -> Answers {
    list.iter().map(|it| (it.0.to_owned(), it.1.to_owned())).collect()
}

fn render(list: &[(&str, &str)]) -> String {
    Template::from_answers(&answers(list)).unwrap().render().unwrap()
}

/// Compiles, and without a word of warning.
fn quiet(text: &str) -> sdl::Compiled {
    let compiled = sdl::compile(text).unwrap_or_else(|it| panic!("{it}\n{text}"));
    assert!(compiled.warnings.is_empty(), "{}\n{text}", compiled.warnings);
    compiled
}

#[test]
fn the_defaults_make_a_file_without_a_warning() {
    let text = render(&[]);
    quiet(&text);
    snapshot::check("new-default.yaml", &text);
}

#[test]
fn every_answer_finds_its_place() {
    let text = render(&[
        ("image", "ghcr.io/me/app:1.4"),
        ("name", "shop"),
        ("ports", "3000/http, 9000/internal, 53/udp, 2222"),
        ("hosts", "shop.example.com www.shop.example.com"),
        ("size", "gpu"),
        ("gpu_units", "2"),
        ("gpu_model", "rtx4090, a100/80Gi/sxm"),
        ("volume", "/srv/data"),
        ("volume_size", "200Gi"),
        ("volume_class", "beta3"),
        ("env", "LOG=info GREETING='hello: world #1'"),
        ("replicas", "3"),
        ("budget", "900"),
        ("region", "us-west"),
        ("attributes", "host=akash tier=premium"),
    ]);
    let compiled = quiet(&text);
    snapshot::check("new-everything.yaml", &text);
    let service = &compiled.manifest.0[0].services()[0];
    assert_eq!(
        service.env.as_deref(),
        Some(&["LOG=info".to_owned(), "GREETING=hello: world #1".to_owned()][..])
    );
    assert_eq!(service.count, 3);
    assert_eq!(compiled.group_specs()[0].requirements.attributes.as_ref().unwrap().len(), 3);
}

#[test]
fn a_budget_is_met_to_the_micro_unit_and_never_exceeded() {
    for (budget, replicas, block_time_ms) in [
        ("1", 1, 6_500),
        ("10", 3, 6_500),
        ("0.01", 7, 6_500),
        ("12345.678901", 11, 1_000),
        ("5.2596", 1, 6_500),
    ] {
        let mut template = Template::new("nginx:1.28");
        template.budget = Budget::PerMonth(budget.to_owned());
        template.replicas = replicas;
        template.block_time_ms = block_time_ms;
        let text = template.render().unwrap();
        let options = sdl::explain::Options { block_time_ms, ..Default::default() };
        let explanation = sdl::explain::explain(&sdl::compile(&text).unwrap(), &options);
        let month: f64 = explanation.cost.unwrap().per_month.amount.parse().unwrap();
        let wanted: f64 = budget.parse::<f64>().unwrap() * 1e6;
        assert!(month <= wanted + 1e-6, "{budget}: {month}");
        assert!(month > wanted * 0.98, "{budget}: {month}");
    }
    // 5.2596 ACT a month is exactly 13 per block.
    let mut template = Template::new("nginx:1.28");
    template.budget = Budget::PerMonth("5.2596".to_owned());
    assert_eq!(template.price_per_block().unwrap().to_string(), "13.000000000000000000");
}

#[test]
fn budgets_that_cannot_be_are_refused() {
    for (budget, words) in [
        ("0", "nothing runs for nothing"),
        ("-1", "no amount"),
        ("ten", "no amount"),
        ("0.0000000001", "too small"),
        ("99999999999999", "at most 10,000,000"),
    ] {
        let mut template = Template::new("nginx:1.28");
        template.budget = Budget::PerMonth(budget.to_owned());
        let problem = template.price_per_block().unwrap_err();
        assert!(problem.key == "budget" && problem.message.contains(words), "{budget}: {problem}");
    }
}

#[test]
fn the_wizard_asks_what_the_answers_make_necessary_and_ends() {
    let mut given = answers(&[("image", "postgres:17"), ("size", "custom")]);
    let mut asked = Vec::new();
    while let Some(question) = next_question(&given) {
        assert!(
            question.check("").is_ok(),
            "the default of {} cannot be used: {}",
            question.key,
            question.default
        );
        assert!(!question.help.is_empty() && !question.prompt.is_empty());
        asked.push(question.key);
        given.insert(question.key.to_owned(), question.default.clone());
        assert!(asked.len() < 50);
    }
    assert_eq!(
        asked,
        [
            "name",
            "ports",
            "cpu",
            "memory",
            "storage",
            "gpu_units",
            "volume",
            "volume_size",
            "volume_class",
            "env",
            "replicas",
            "budget",
            "region"
        ]
    );
    let text = Template::from_answers(&given).unwrap().render().unwrap();
    assert!(
        text.contains("/var/lib/postgresql/data") && text.contains("POSTGRES_PASSWORD"),
        "{text}"
    );
}

#[test]
fn answers_are_checked_with_a_way_out() {
    for (key, answer, words) in [
        ("image", "nginx", "for example `nginx:1.28`"),
        ("image", "nginx:latest", "for example `nginx:1.28`"),
        ("image", "Nginx:1", "in lower case"),
        ("image", "https://hub.docker.com/x:1", "as `docker pull` takes it"),
        ("name", "My_App", "for example `my-app`"),
        ("ports", "http", "no port"),
        ("ports", "80/tcp", "always HTTP"),
        ("ports", "80/http,8080/http", "only one port"),
        ("ports", "81,81", "twice"),
        ("ports", "5432/internal", "at least one port must be reachable"),
        ("ports", "70000", "1 to 65535"),
        ("hosts", "Example.com", "no host name"),
        ("size", "smal", "did you mean `small`?"),
        ("volume", "data", "absolute path"),
        ("volume", "/", "cannot be kept"),
        ("env", "A", "has no `=`"),
        ("env", "1A=b", "cannot be a name"),
        ("env", "A='b", "never closed"),
        ("replicas", "0", "from 1 to 50"),
        ("budget", "cheap", "no amount of money"),
    ] {
        let problems = Template::from_answers(&answers(&[(key, answer)])).unwrap_err();
        let found = problems
            .iter()
            .find(|it| it.key == key)
            .unwrap_or_else(|| panic!("{key}={answer}: {problems:?}"));
        assert!(found.message.contains(words), "{key}={answer}: {found}");
    }
    for (key, answer, words) in [
        ("cpu", "abc", "no number of cores"),
        ("cpu", "1000", "0.01 to 384"),
        ("memory", "512MB", "`512Mi`"),
        ("memory", "2gb", "`2Gi`"),
        ("memory", "512", "no unit"),
        ("storage", "1Mi", "5Mi to 32Ti"),
    ] {
        let problems =
            Template::from_answers(&answers(&[("size", "custom"), (key, answer)])).unwrap_err();
        assert!(problems[0].message.contains(words), "{key}={answer}: {problems:?}");
    }
    let problems = Template::from_answers(&answers(&[("prots", "80")])).unwrap_err();
    assert!(problems[0].message.contains("did you mean `ports`?"), "{problems:?}");
}

#[test]
fn known_images_suggest_what_works() {
    for image in [
        "nginx",
        "postgres",
        "redis",
        "mysql",
        "mariadb",
        "mongo",
        "ollama",
        "wordpress",
        "grafana",
        "minio",
        "minecraft-server",
    ] {
        let known = known_image(image).unwrap_or_else(|| panic!("{image} is not known"));
        let tagged = format!("{image}:{}", known.tag);
        let text = render(&[("image", &tagged)]);
        let compiled = sdl::compile(&text).unwrap();
        // A database alone has to be open to the world, and is told what that means.
        let is_meant = |it: &&sdl::Diagnostic| it.rule.code() != "sdl::expose::open-database";
        let complaints: Vec<_> = compiled.warnings.iter().filter(is_meant).collect();
        assert!(complaints.is_empty(), "{image}: {complaints:#?}\n{text}");
        let template = Template::new(&tagged);
        assert!(template.ports.iter().any(|it| it.audience != Audience::Internal), "{image}");
    }
    snapshot::check("new-postgres.yaml", &render(&[("image", "postgres:17")]));
    snapshot::check("new-ollama.yaml", &render(&[("image", "ollama/ollama:0.6.2")]));
}

#[test]
fn questions_are_data() {
    let json =
        serde_json::to_value(questions(&answers(&[("image", "ollama/ollama:0.6.2")]))).unwrap();
    snapshot::check("new-questions.json", &format!("{json:#}\n"));
}
