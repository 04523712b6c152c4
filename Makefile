# The verbs of this project. Each installs what it needs (Debian 12, as root), so a fresh clone needs git and make only.
#
#   make run        build, and a newcomer's first minute: a local network, a value, a peer, a lookup hop by hop
#   make test       check, every test under ASan and UBSan with gcc and clang, the release tests
#   make check      arrows, formatting, no writable globals, only public symbols, the headers' documentation, scripts
#   make docs       build/docs/html: the headers of include/kad, for reading
#   make build      build/kad                                 make install [PREFIX= DESTDIR=]
#   make deb        Debian packages in build/deb
#   make bench      kad beside its peers                      make sim      every scenario in sim/scenarios
#   make soak       a daemon under load for MINUTES=30, in a network that comes and goes
#   make fuzz       FUZZ_RUNS=10000000 executions per target, or FUZZ_SECONDS=20 each
#   make coverage   at least 90 % of lines of core, wire and engine
#   make fmt        format the sources                        make tidy     clang-tidy
#   make deps       all dependencies                          make clean    remove build/
PREFIX    ?= /usr/local
JOBS      ?= $(shell nproc)
FUZZ_RUNS ?= 10000000
MINUTES   ?= 30

CTEST  = ctest --output-on-failure --no-tests=error -j $(JOBS)
CONFIG = CMakeLists.txt CMakePresets.json $(wildcard cmake/*.cmake)

.PHONY: all deb deps-deb web run test check docs bench soak fuzz sim fmt tidy install build clean coverage deps \
        deps-build deps-test deps-bench deps-tidy build-release-tests build-tsan-threads build-dev build-dev-clang build-coverage build-fuzz

# The steps share build directories; ninja and ctest are parallel inside.
.NOTPARALLEL:

all: build

run: build
	build/kad tour

# Cheap checks first; the whole suite last, so that its verdict is the end of the output.
test: check build-release-tests build-tsan-threads build-dev build-dev-clang
	$(CTEST) --test-dir build -L release
	$(CTEST) --test-dir build/tsan -L threads
	$(CTEST) --test-dir build/dev-clang -L unit
	$(CTEST) --test-dir build/dev

check: deps-test build
	tools/check-arrows --self-test
	tools/check-arrows
	tools/check-format
	tools/check-globals --self-test
	tools/check-globals build/libkad.a build/libkad-node.a build/libkad.so build/libkad-node.so
	tools/check-symbols --self-test
	tools/check-symbols build
	tools/docs
	tools/check-scripts
	tools/check-coverage
	tools/python-settings --check

bench: deps-bench build
	cmake --build --preset bench -j $(JOBS)
	bench/run

soak: deps-bench build
	cmake --build --preset bench -j $(JOBS)
	bench/soak --minutes $(MINUTES)

fuzz: build-fuzz
	fuzz/run build/fuzz/fuzz $(if $(FUZZ_SECONDS),--seconds $(FUZZ_SECONDS),--runs $(FUZZ_RUNS))

# The pages at /, which are kept bundled so that building kad needs no npm.
web: deps-test
	cd web && npm run build

sim: build
	tools/run-scenarios build/kad

coverage: build-coverage
	find build/coverage -name '*.gcda' -delete
	$(CTEST) --test-dir build/coverage -L unit
	tools/coverage build/coverage 90

docs: deps-test
	tools/docs

fmt: deps-test
	tools/check-format --fix

tidy: deps-tidy build-dev-clang
	run-clang-tidy -quiet -j $(JOBS) -p build/dev-clang '^$(CURDIR)/(src|sim)/'

deb: deps-deb
	tools/make-deb build/deb

install: build
	cmake --install build --prefix $(PREFIX)

build: deps-build build/build.ninja
	cmake --build --preset release -j $(JOBS)

# Configured anew: a first `make run` came before cmocka.
build-release-tests: deps-test build
	cmake --preset release
	cmake --build build --target release-tests -j $(JOBS)

build-dev build-dev-clang build-coverage build-fuzz: build-%: deps-test build/%/build.ninja
	cmake --build --preset $* -j $(JOBS)

# Only the programs in which threads meet: the whole suite under ThreadSanitizer takes long and shows no more.
build-tsan-threads: deps-test build/tsan/build.ninja
	cmake --build --preset tsan --target thread-tests -j $(JOBS)

build/build.ninja: $(CONFIG) | deps-build
	cmake --preset release

build/%/build.ninja: $(CONFIG) | deps-test
	cmake --preset $*

deps: deps-build deps-test deps-bench deps-tidy

deps-build deps-test deps-bench deps-tidy deps-deb: deps-%:
	@tools/install-deps $*

clean:
	rm -rf build
