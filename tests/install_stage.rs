//! An installation to a staging folder serves programs in C and C++ through pkg-config and through CMake, shared and
//! static, with each compiler; when it is uninstalled, nothing is left.

#[path = "cpp/driver.rs"]
#[expect(dead_code, reason = "shared by the tests of C++; each uses a part")]
mod cpp;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;
#[expect(dead_code, reason = "shared by the tests of packaging; each uses a part")]
mod packaging;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PREFIX: &str = "/opt/ckafka";

/// A library folder as distributions with several architectures have it.
const LIBDIR: &str = "/opt/ckafka/lib/some-architecture";

struct Stage {
    scratch: driver::Scratch,
    root: PathBuf,
}

impl Stage {
    fn new(name: &str, target: &str) -> Self {
        let scratch = driver::Scratch::new(name);
        let root = scratch.0.join("stage");
        let stage = Self { scratch, root };
        stage.make(target);
        stage
    }

    fn make(&self, target: &str) {
        let destination = format!("DESTDIR={}", self.root.display());
        let variables = [destination, format!("PREFIX={PREFIX}"), format!("LIBDIR={LIBDIR}")];
        packaging::make(target, &self.scratch.0.join("build"), &variables);
    }

    fn place(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn pkg_config(&self, flags: &[&str]) -> Vec<String> {
        let mut command = Command::new("pkg-config");
        command.env("PKG_CONFIG_PATH", self.place(LIBDIR).join("pkgconfig"));
        command.env("PKG_CONFIG_SYSROOT_DIR", &self.root).args(flags).arg("ckafka");
        packaging::succeeds(&mut command).split_whitespace().map(str::to_owned).collect()
    }

    /// Runs a program that was built against the stage; it finds the shared library there.
    fn run(&self, program: &Path) {
        let data = self.scratch.0.join("data");
        let _ = fs::remove_dir_all(&data);
        let mut command = Command::new(program);
        let said = packaging::succeeds(command.arg(&data).env("LD_LIBRARY_PATH", self.place(LIBDIR)));
        assert!(said.contains("read what it wrote"), "{}: {said}", program.display());
    }

    fn is_shared(program: &Path) -> bool {
        packaging::ask("readelf", &["--wide", "--dynamic"], program).contains("[libckafka.so.0]")
    }
}

fn source(name: &str) -> PathBuf {
    driver::root().join("tests/packaging").join(name)
}

/// Everything below a folder that is no folder itself.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("its type").is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn programs_build_through_pkg_config() {
    let stage = Stage::new("install-pkg-config", "install-strip");
    assert_eq!(stage.pkg_config(&["--modversion"]), [env!("CARGO_PKG_VERSION")]);
    let archive = stage.place(LIBDIR).join("libckafka.a").display().to_string();
    let private: Vec<String> = stage.pkg_config(&["--libs-only-l", "--static"]);
    let private: Vec<String> = private.into_iter().filter(|word| word != "-lckafka").collect();
    let ways: [(&str, bool, Vec<String>); 3] = [
        ("shared", true, stage.pkg_config(&["--libs"])),
        ("archive", false, [vec![archive], private].concat()),
        ("static", false, [vec!["-static".to_owned()], stage.pkg_config(&["--libs", "--static"])].concat()),
    ];
    for compiler in packaging::compilers() {
        for (way, is_shared, libraries) in &ways {
            let program = stage.scratch.0.join(format!("{compiler}-{way}"));
            let mut command = Command::new(compiler);
            command
                .args(["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"])
                .args(stage.pkg_config(&["--cflags"]));
            packaging::succeeds(command.arg(source("program.c")).arg("-o").arg(&program).args(libraries));
            assert_eq!(Stage::is_shared(&program), *is_shared, "{compiler}, {way}");
            stage.run(&program);
        }
    }
}

#[test]
fn a_program_in_cpp_builds_through_pkg_config() {
    let stage = Stage::new("install-cpp", "install");
    for compiler in cpp::compilers() {
        for standard in cpp::STANDARDS {
            let program = stage.scratch.0.join(format!("{compiler}{standard}"));
            let mut command = Command::new(compiler);
            command.arg(standard).args(cpp::WARNINGS).args(stage.pkg_config(&["--cflags"]));
            command.arg(source("program.cpp")).arg("-o").arg(&program).args(stage.pkg_config(&["--libs"]));
            packaging::succeeds(&mut command);
            stage.run(&program);
        }
    }
}

/// Builds a CMake project against an installation, and runs its two programs.
fn build_through_cmake(project: &str, language: &str, compilers: &[&str]) {
    let stage = Stage::new(&format!("install-cmake-{language}"), "install");
    for compiler in compilers {
        let folder = stage.scratch.0.join(compiler);
        let mut configure = Command::new("cmake");
        configure.arg("-S").arg(source(project)).arg("-B").arg(&folder);
        configure.arg(format!("-DCMAKE_{language}_COMPILER={compiler}"));
        let package = stage.place(LIBDIR).join("cmake/ckafka");
        packaging::succeeds(configure.arg(format!("-Dckafka_DIR={}", package.display())));
        packaging::succeeds(Command::new("cmake").arg("--build").arg(&folder));
        for (name, is_shared) in [("shared", true), ("static", false)] {
            let program = folder.join(name);
            assert_eq!(Stage::is_shared(&program), is_shared, "{compiler}, {name}");
            stage.run(&program);
        }
    }
}

#[test]
fn programs_build_through_cmake() {
    build_through_cmake("", "C", &packaging::compilers());
}

#[test]
fn programs_in_cpp_build_through_cmake() {
    build_through_cmake("cpp", "CXX", &cpp::compilers());
}

#[test]
fn what_is_installed_is_whole_and_goes_again() {
    let stage = Stage::new("install-files", "install");
    let version = env!("CARGO_PKG_VERSION");
    let link = |name: &str| fs::read_link(stage.place(LIBDIR).join(name)).expect("a link").display().to_string();
    assert_eq!(link("libckafka.so"), "libckafka.so.0");
    assert_eq!(link("libckafka.so.0"), format!("libckafka.so.{version}"));

    for name in ["ckafka.h", "ckafka.hpp", "ckafka_compat.h"] {
        let installed = fs::read(stage.place("/opt/ckafka/include").join(name)).expect("a header");
        assert!(installed == fs::read(driver::root().join("include").join(name)).expect("the header"), "{name}");
    }
    let page = fs::read_to_string(stage.place("/opt/ckafka/share/man/man3/ckafka.3")).expect("the man page");
    for (name, _) in driver::functions() {
        assert!(page.contains(&format!(".SS {name}\n")), "{name} is not in the man page");
    }
    let licences = stage.place("/opt/ckafka/share/doc/ckafka/THIRD-PARTY-LICENSES.txt");
    let licences = fs::read_to_string(licences).expect("the licences");
    for name in ["libc", "nix", "memmap2", "libz-sys", "zstd-sys", "snap", "lz4_flex"] {
        assert!(licences.contains(&format!("\n{name} ")), "the licence of {name} is not there");
    }
    // The texts of the C sources, which are others than those of the crates around them.
    assert!(licences.contains("Jean-loup Gailly") && licences.contains("Meta Platforms"), "zlib's or zstd's own text");
    for text in ["LICENSE-APACHE", "LICENSE-MIT"] {
        assert!(stage.place("/opt/ckafka/share/doc/ckafka").join(text).exists(), "{text}");
    }

    // Somebody else's file in a folder that we share stays.
    let foreign = stage.place("/opt/ckafka/include/other.h");
    fs::write(&foreign, "").expect("a file");
    stage.make("uninstall");
    assert_eq!(files(&stage.root), [foreign]);
    for folder in ["share/doc/ckafka", "lib/some-architecture/cmake/ckafka"] {
        assert!(!stage.place(PREFIX).join(folder).exists(), "{folder} is left");
    }
}
