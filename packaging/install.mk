# Installing libckafka, and making an archive of it that builds without a network; included by the Makefile.
#
# PREFIX LIBDIR INCLUDEDIR DATADIR  where it will be used from; DESTDIR goes before them while it is staged
# ARCHIVE                           an archive that cargo wrote, in place of a release build
# Every file is written anew on every install: an earlier one may have had another prefix.

PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR    ?= $(PREFIX)/share
MANDIR     ?= $(DATADIR)/man
DOCDIR     ?= $(DATADIR)/doc/ckafka
INSTALL    ?= install
STRIP      ?= strip

VERSION := $(shell sed -n '/^\[package\]/,/^\[/s/^version = "\(.*\)"$$/\1/p' $(CURDIR)/Cargo.toml)
PACKAGE  = $(BUILD)/package
CMAKEDIR = $(LIBDIR)/cmake/ckafka

# What is installed, and nothing else is removed.
INSTALLED = $(INCLUDEDIR)/ckafka.h $(INCLUDEDIR)/ckafka.hpp $(INCLUDEDIR)/ckafka_compat.h $(LIBDIR)/libckafka.so.$(VERSION) $(LIBDIR)/libckafka.so.0 \
	$(LIBDIR)/libckafka.so $(LIBDIR)/libckafka.a $(LIBDIR)/pkgconfig/ckafka.pc $(CMAKEDIR)/ckafka-config.cmake \
	$(CMAKEDIR)/ckafka-config-version.cmake $(MANDIR)/man3/ckafka.3 $(DOCDIR)/LICENSE-APACHE $(DOCDIR)/LICENSE-MIT \
	$(DOCDIR)/THIRD-PARTY-LICENSES.txt
# Folders that are ours alone.
INSTALLED_FOLDERS = $(CMAKEDIR) $(DOCDIR)

.PHONY: install install-strip uninstall package dist check-dist abi check-abi check-release small check-small

package: lib
	@mkdir -p $(PACKAGE)
	scripts/package $(PACKAGE) $(PREFIX) $(LIBDIR) $(INCLUDEDIR)

install: package ## into PREFIX (/usr/local): libraries, headers, pkg-config, CMake, man page, licences
	$(INSTALL) -d $(addprefix $(DESTDIR),$(sort $(dir $(INSTALLED))))
	$(INSTALL) -m 644 include/ckafka.h include/ckafka.hpp include/ckafka_compat.h $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 755 $(BUILD)/libckafka.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libckafka.so.$(VERSION)
	ln -sfn libckafka.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libckafka.so.0
	ln -sfn libckafka.so.0 $(DESTDIR)$(LIBDIR)/libckafka.so
	$(INSTALL) -m 644 $(BUILD)/libckafka.a $(DESTDIR)$(LIBDIR)/libckafka.a
	$(INSTALL) -m 644 $(PACKAGE)/ckafka.pc $(DESTDIR)$(LIBDIR)/pkgconfig/ckafka.pc
	$(INSTALL) -m 644 $(PACKAGE)/ckafka-config.cmake $(PACKAGE)/ckafka-config-version.cmake $(DESTDIR)$(CMAKEDIR)
	$(INSTALL) -m 644 $(PACKAGE)/ckafka.3 $(DESTDIR)$(MANDIR)/man3/ckafka.3
	$(INSTALL) -m 644 LICENSE-APACHE LICENSE-MIT $(PACKAGE)/THIRD-PARTY-LICENSES.txt $(DESTDIR)$(DOCDIR)
	@if [ -z "$(DESTDIR)" ]; then echo "if programs do not find libckafka.so.0: ldconfig, or put $(LIBDIR) into /etc/ld.so.conf.d"; fi

install-strip: install ## install, without what only debuggers read
	$(STRIP) --strip-unneeded $(DESTDIR)$(LIBDIR)/libckafka.so.$(VERSION)
	$(STRIP) --strip-debug --enable-deterministic-archives $(DESTDIR)$(LIBDIR)/libckafka.a

uninstall: ## remove what install put there
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	-@rmdir $(addprefix $(DESTDIR),$(INSTALLED_FOLDERS)) 2>/dev/null || true

dist: ## build/ckafka-VERSION.tar.xz: the sources with all crates, to build offline
	scripts/dist $(BUILD)

check-dist: dist
	scripts/check-dist $(BUILD)/ckafka-$(VERSION).tar.xz

# The binary interface against the one that was published, and against what older systems have.
check-abi: lib
	@scripts/preflight abi
	scripts/check_abi.py compare $(TARGET_DIR)

abi: ## write packaging/libckafka.abi anew: the binary interface that check-abi compares with
	@scripts/preflight abi
	scripts/check_abi.py write $(TARGET_DIR)

# What is released, and the same without a codec.
BARE = $(TARGET_DIR)/bare
check-release: lib
	$(CARGO) rustc $(CARGO_FLAGS) --release --no-default-features --lib --crate-type staticlib --target-dir $(BARE)
	scripts/relink $(BARE)/release/libckafka.a $(BARE)/build
	scripts/check-release $(BUILD) $(BARE)/build
	CKAFKA_TEST_ARCHIVE=$(TARGET_DIR)/release/libckafka.a $(CARGO) test $(TEST_FLAGS) --test abi_symbols --test compat_replace --test install_stage

# Functions that are alike are one, as lld has it, which comes with Rust.
LLD = -B$(shell rustc --print sysroot)/lib/rustlib/$(HOST)/bin/gcc-ld -fuse-ld=lld -Wl,--icf=all -Wl,--undefined-version
SMALL = $(TARGET_DIR)/small
FEATURES ?=
# Rust's own library is built along, for size and without what prints a backtrace: with settings that are not for sale with a
# stable Rust, but lie in it.
small: ## build/small/: the library for size, without codecs in under 700 KB (FEATURES=lz4,zstd: what it keeps)
	@scripts/preflight small
	RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zlocation-detail=none -Ztrap-unreachable=no" CARGO_PROFILE_RELEASE_OPT_LEVEL=s $(CARGO) rustc $(CARGO_FLAGS) \
	  --release --lib --crate-type staticlib --no-default-features --features "$(FEATURES)" --target $(HOST) \
	  --target-dir $(SMALL) -Zbuild-std=std,panic_unwind -Zbuild-std-features=optimize_for_size
	LDFLAGS="$(LLD) -Wl,-s $(LDFLAGS)" scripts/relink $(SMALL)/$(HOST)/release/libckafka.a $(BUILD)/small

check-small: small
	scripts/check-small $(BUILD)/small
