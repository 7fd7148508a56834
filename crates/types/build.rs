//! Compiles `proto/` into one descriptor set and, from it, the Rust messages of `types::wire`.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use prost::Message;
use prost_reflect::{DescriptorPool, Kind};
use prost_types::{
    DescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", root.display());

    let mut files = Vec::new();
    walk(&root, &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(false).open_files(&files)?;
    // The encoded set keeps the options (gogoproto, amino, http) that JSON and REST are made from.
    let encoded = compiler.encode_file_descriptor_set();
    fs::write(out.join("descriptors.bin"), &encoded)?;

    let mut set = FileDescriptorSet::decode(encoded.as_slice())?;
    let always_present = always_present(&compiler.descriptor_pool())?;
    for file in &mut set.file {
        let package = file.package().to_owned();
        for message in &mut file.message_type {
            require(&package, message, &always_present);
        }
    }
    prost_build::Config::new()
        .btree_map(["."])
        .enable_type_names()
        .include_file("_wire.rs")
        .out_dir(&out)
        .compile_fds(set)?;
    Ok(())
}

fn walk(folder: &PathBuf, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|it| it == "proto") {
            files.push(path);
        }
    }
    Ok(())
}

/// Full names (`package.Message.field`) of the fields that the reference encodes even when they are
/// empty (`gogoproto.nullable = false`): sub-messages, and numbers that it holds as text.
fn always_present(pool: &DescriptorPool) -> Result<BTreeSet<String>, Error> {
    let nullable = pool.get_extension_by_name("gogoproto.nullable").ok_or("no gogoproto")?;
    let custom = pool.get_extension_by_name("gogoproto.customtype").ok_or("no gogoproto")?;
    let mut names = BTreeSet::new();
    for message in pool.all_messages() {
        for field in message.fields() {
            let options = field.options();
            let refused = options.has_extension(&nullable)
                && options.get_extension(&nullable).as_bool() == Some(false);
            let custom = options.get_extension(&custom);
            let number =
                custom.as_str().is_some_and(|it| it.ends_with(".Int") || it.ends_with("Dec"));
            let message = matches!(field.kind(), Kind::Message(_));
            if refused && (message || number) && field.containing_oneof().is_none() {
                names.insert(field.full_name().to_owned());
            }
        }
    }
    Ok(names)
}

/// Marks those fields as required, for code generation only: the Rust field is then the message
/// itself instead of an `Option`, and it is always encoded. Numbers begin as `0`, which is how the
/// reference writes one that was never set.
fn require(scope: &str, message: &mut DescriptorProto, always_present: &BTreeSet<String>) {
    let name = format!("{scope}.{}", message.name());
    for field in &mut message.field {
        if field.label() == Label::Optional
            && always_present.contains(&format!("{name}.{}", field.name()))
        {
            field.set_label(Label::Required);
            if field.r#type() != Type::Message {
                field.default_value = Some("0".to_owned());
            }
        }
    }
    for inner in &mut message.nested_type {
        require(&name, inner, always_present);
    }
}
