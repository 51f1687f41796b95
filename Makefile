# Cresset: one plain Makefile.
#
#   make            build/release/cresset, packages fetched when missing
#   make test       everything that must hold; ends with "N passed, N failed, N skipped"
#   make demo       an intrusion in a small utility, found; BUS=kafka: the same over a real broker
#   make golden     the golden files of the formats written anew (tests/golden)
#   BUILD=release|debug|asan|tsan   CC=gcc|clang   O=folder for the build
#
# The first make looks what is missing and fetches it; the work is done by a second make, which reads its flags from the
# machine as it is then.

BUILD ?= release
O ?= build/$(BUILD)
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
MAKEFLAGS += --no-print-directory
Q := $(if $(V),,@) # V=1 shows the commands
PREFIX ?= /usr/local
VERSION := 0.1.0

# ---- the rooms, and what each may use: written here and nowhere else ----
ROOMS := common rules ingest bus correlate store cli
USES_common :=
USES_rules := common
USES_ingest := rules common
USES_bus := common
USES_correlate := rules common
USES_store := common
USES_cli := ingest bus correlate store rules common

LIBS_common := -lcrypto -lxxhash
LIBS_rules := -lyaml -lyara -lpcre2-8 -lhs -lz
LIBS_ingest :=
LIBS_bus := -lrdkafka -lzstd
LIBS_correlate :=
LIBS_store := -lzstd
LIBS_cli := -lyaml -lpthread

# ---- flags ----
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Wvla \
	-Wconversion -Wno-sign-conversion -Wundef -Wwrite-strings -Wimplicit-fallthrough
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE -fno-strict-aliasing
HARDEN_TRY := -fcf-protection -ftrivial-auto-var-init=zero
try = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(1))
ifeq ($(CRESSET_INNER),1)
HARDEN += $(foreach f,$(HARDEN_TRY),$(call try,$(f)))
endif
CPPFLAGS_ALL := -I. -D_GNU_SOURCE -DCRESSET_VERSION='"$(VERSION)"'
LDFLAGS_ALL := -pie -Wl,-z,relro,-z,now,-z,noexecstack

ifeq ($(BUILD),release)
CFLAGS_BUILD := -O3 -g -D_FORTIFY_SOURCE=2
# Compilers drop a library that no name is looked for in; this one has malloc, which libc has too.
MALLOC := -Wl,--push-state,--no-as-needed -ljemalloc -Wl,--pop-state
LTO_TRY := -flto=auto -ffat-lto-objects # fat: unit tests link without it, in a tenth of the time
else ifeq ($(BUILD),debug)
CFLAGS_BUILD := -O1 -g3
else ifeq ($(BUILD),asan)
CFLAGS_BUILD := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(BUILD),tsan)
CFLAGS_BUILD := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
else ifeq ($(BUILD),fuzz)
CFLAGS_BUILD := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else
$(error BUILD is release, debug, asan, tsan or fuzz)
endif
# A fuzz target replays its corpus in every build; in the build for fuzzing libFuzzer drives it.
FUZZ_MAIN := $(if $(filter fuzz,$(BUILD)),-fsanitize=fuzzer,tests/fuzz/replay.c)
CFLAGS_ALL := -std=gnu11 $(WARN) $(HARDEN) $(CFLAGS_BUILD) $(CFLAGS)
ifeq ($(CRESSET_INNER),1)
LTO := $(if $(LTO_TRY),$(call try,$(LTO_TRY)))
endif
# Linking optimises once more and sees less than the compiler did of what is set when: that one warning stays with compiling.
LTO_LINK := $(if $(LTO),$(LTO) -Wno-maybe-uninitialized)
NO_LTO := $(if $(LTO),-fno-lto)

# ---- files ----
src = $(wildcard $(1)/*.c)
obj = $(patsubst %.c,$(O)/%.o,$(call src,$(1)))
CLI_OBJ := $(filter-out $(O)/cli/main.o,$(call obj,cli))
SUPPORT_OBJ := $(call obj,tests/support)
archive = $(O)/$(1).a
closure = $(1) $(USES_$(1))
libs = $(foreach r,$(call closure,$(1)),$(LIBS_$(r)))
archives = $(foreach r,$(call closure,$(1)),$(call archive,$(r)))
UNIT := $(foreach r,$(ROOMS),$(patsubst tests/unit/%.c,$(O)/unit/%,$(wildcard tests/unit/$(r)/test_*.c)))
GOLDEN := $(O)/unit/golden/test_golden
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*/fuzz_*.c))
BENCH := $(patsubst bench/%.c,$(O)/bench/%,$(wildcard bench/bench_*.c bench/gen.c))

INSTALL := install

.PHONY: all deps demo test bench fuzz lint fmt golden install uninstall clean build _build units _test _demo _bench _fuzz
.DEFAULT_GOAL := all
INNER = $(MAKE) CRESSET_INNER=1 BUILD=$(BUILD) O=$(O) CC=$(CC) BUS=$(BUS)

all: ; @sh .ci/deps build && $(INNER) -j$$(nproc) _build
demo: ; @sh .ci/deps $(if $(filter kafka,$(BUS)),kafka,build) && $(INNER) -j$$(nproc) _build && $(INNER) _demo
test: ; @sh .ci/deps test && $(INNER) -j$$(nproc) _build units && $(INNER) _test
bench: ; @sh .ci/deps bench && $(INNER) -j$$(nproc) _build && $(INNER) _bench
fuzz: ; @sh .ci/deps fuzz && $(MAKE) CRESSET_INNER=1 BUILD=fuzz O=build/fuzz CC=clang -j$$(nproc) _fuzz && sh tests/fuzz/run
lint: ; @sh .ci/deps lint && bash .ci/lint
deps: ; @sh .ci/deps test && sh .ci/deps lint
fmt: ; clang-format -i $$(git ls-files '*.c' '*.h')
# The golden files anew: only while the formats carry version 0.
golden: ; @sh .ci/deps test && $(INNER) -j$$(nproc) $(GOLDEN) && $(GOLDEN) make
clean: ; rm -rf build

_build: $(O)/cresset
units: $(UNIT) $(GOLDEN) $(FUZZ:%=$(O)/fuzz/%) $(O)/relay $(O)/bench/gen
_fuzz: $(FUZZ:%=$(O)/fuzz/%)
_test: ; @BUILD=$(BUILD) O=$(O) CC=$(CC) bash tests/run
_demo: ; @$(if $(filter kafka,$(BUS)),tests/kafka/with )$(O)/cresset demo $(if $(BUS),--bus $(BUS)) $(DEMO_ARGS)
_bench: $(BENCH) ; @O=$(O) bash bench/run

# ---- rules ----
-include $(shell test -d $(O) && find $(O) -name '*.d' -type f)

$(O)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CPPFLAGS) $(CFLAGS_ALL) $(LTO) -MMD -MP -c $< -o $@

define room_rules
$(call archive,$(1)): $(if $(filter cli,$(1)),$(CLI_OBJ),$(call obj,$(1)))
	@rm -f $$@
	$(Q)ar rcsD $$@ $$^

$(O)/unit/$(1)/%: tests/unit/$(1)/%.c $(O)/support.a $(call archives,$(1)) Makefile
	@mkdir -p $$(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(NO_LTO) -MMD -MP -MF $$@.d $$< -o $$@ $(call archives,$(1)) $(O)/support.a $(call archives,$(1)) \
		$(LDFLAGS_ALL) $(call libs,$(1)) -lcmocka -lm

$(O)/fuzz/$(1)/%: tests/fuzz/$(1)/%.c tests/fuzz/replay.c $(O)/support.a $(call archives,$(1)) Makefile
	@mkdir -p $$(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(NO_LTO) -MMD -MP -MF $$@.d $$< $(FUZZ_MAIN) -o $$@ $(call archives,$(1)) $(O)/support.a \
		$(call archives,$(1)) $(LDFLAGS_ALL) $(call libs,$(1)) -lm
endef
$(foreach r,$(ROOMS),$(eval $(call room_rules,$(r))))

$(GOLDEN): $(call obj,tests/golden) $(O)/support.a $(call archives,cli)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(NO_LTO) $^ $(call archives,cli) -o $@ $(LDFLAGS_ALL) $(call libs,cli) -lcmocka -lm

$(O)/support.a: $(SUPPORT_OBJ)
	@rm -f $@
	$(Q)ar rcsD $@ $^

$(O)/cresset: $(O)/cli/main.o $(call archives,cli)
	@echo 'linking $@'
	$(Q)$(CC) $(CFLAGS_ALL) $(LTO_LINK) $^ -o $@ $(LDFLAGS_ALL) $(call libs,cli) -lm $(MALLOC)

$(O)/bench/%: bench/%.c $(call archives,cli) Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LTO_LINK) -MMD -MP -MF $@.d $< $(wildcard bench/common/*.c) -o $@ $(call archives,cli) $(LDFLAGS_ALL) $(call libs,cli) -lm $(MALLOC)

$(O)/relay: tests/flow/relay.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $< -o $@ $(LDFLAGS_ALL)

# ---- installing ----
D := $(DESTDIR)$(PREFIX)
install: all
	$(INSTALL) -d $(D)/bin $(D)/share/cresset $(D)/share/man/man1 $(D)/share/man/man5 $(D)/share/man/man7 \
		$(D)/share/bash-completion/completions $(D)/share/zsh/site-functions
	$(INSTALL) -m 755 $(O)/cresset $(D)/bin/cresset
	cp -R rules/library $(D)/share/cresset/
	$(O)/cresset --man > $(D)/share/man/man1/cresset.1
	$(INSTALL) -m 644 docs/man/*.5 $(D)/share/man/man5/
	$(INSTALL) -m 644 docs/man/*.7 $(D)/share/man/man7/
	$(O)/cresset --completion bash > $(D)/share/bash-completion/completions/cresset
	$(O)/cresset --completion zsh > $(D)/share/zsh/site-functions/_cresset

uninstall:
	rm -rf $(D)/bin/cresset $(D)/share/cresset $(D)/share/man/man1/cresset.1 $(D)/share/man/man5/cresset.conf.5 \
		$(D)/share/man/man7/cresset-rules.7 $(D)/share/man/man7/cresset-decoders.7 \
		$(D)/share/bash-completion/completions/cresset $(D)/share/zsh/site-functions/_cresset
