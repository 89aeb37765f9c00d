# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds the userspace programs and their tests. One archive a module, in layer order, so that a
# unit test of a module links with that module and the lower ones only: the layers of
# CONTRIBUTING.md hold at link time too.
#
#   make [SAN=1] [V=1]        programs into build/ (SAN=1: ASan and UBSan, into build-san/)
#   make unit[-MODULE]        build and run the unit tests
#   make tests                build all test programs without running them

# Every module in layer order: a module links with those before it.
MODULES := base sys crypto datapath link directory circuit path exit control
PROGRAMS := meshvpnd meshvpn-netd meshvpn-ctl

CC ?= gcc
B := build
ifdef SAN
B := build-san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
# gcc otherwise takes an array that ends a struct for one without bounds
SANFLAGS += $(shell $(CC) -fsanitize=bounds-strict -E -x c /dev/null >/dev/null 2>&1 && echo -fsanitize=bounds-strict)
endif
ifneq ($(V),1)
Q := @
say = @printf '  %-5s %s\n' $(1) $(2);
endif

PACKAGES := libsodium liburing jansson ini_config libnl-3.0 libnl-genl-3.0 libnl-route-3.0 libsystemd libseccomp
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/meshvpn
HARNESS ?= $(CACHE)/kselftest

OPT ?= -O2 -g
WARN := -Wall -Wextra -Wno-unused-parameter -Wmissing-prototypes -Wstrict-prototypes \
	-Wpointer-arith -Wvla -Wno-missing-field-initializers -Wno-sign-compare -Werror
CPPFLAGS += -D_GNU_SOURCE -Iinclude -Iinclude/uapi -Iuserspace $(shell pkg-config --cflags $(PACKAGES))
CFLAGS += -std=gnu11 $(OPT) $(WARN) -fstack-protector-strong -fPIE -pthread $(SANFLAGS) -MMD -MP
LDFLAGS += -pie -pthread -Wl,-z,relro,-z,now $(SANFLAGS)
LDLIBS += $(shell pkg-config --libs $(PACKAGES))

objs = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)/*.c))
lib = $(B)/lib$(1).a
# the archives of module $(1) and everything below, highest first
upto = $(call upto_,$(1),$(MODULES),)
upto_ = $(if $(filter $(1),$(firstword $(2))),$(call lib,$(1)) $(3),$(call upto_,$(1),$(wordlist 2,99,$(2)),$(call lib,$(firstword $(2))) $(3)))

all: $(PROGRAMS:%=$(B)/%)
.PHONY: all tests unit clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:

$(B)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

define module_rules
$(call lib,$(1)): $(call objs,userspace/$(1))
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	$(Q)rm -f $$@ && ar rcs $$@ $$^
UNIT_$(1) := $(patsubst %.c,$(B)/%,$(wildcard selftests/unit/$(1)/*.c))
$$(UNIT_$(1)): $(B)/%: $(B)/%.o $(call upto,$(1))
	$$(call say,LD,$$@)
	$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$< -Wl,--start-group $(call upto,$(1)) -Wl,--end-group $$(LDLIBS)
unit-$(1): $$(UNIT_$(1))
	$(Q)set -e; for t in $$(UNIT_$(1)); do echo "# $$$$t"; $$$$t; done
.PHONY: unit-$(1)
UNITS += $$(UNIT_$(1))
endef
$(foreach m,$(MODULES),$(eval $(call module_rules,$(m))))

# A unit test is one program a file, with Debian's kselftest_harness.h (tools/deps fetches it).
$(B)/selftests/%.o: CPPFLAGS += -I$(HARNESS) -Iselftests
$(B)/selftests/%.o: WARN += -Wno-unused-function -Wno-missing-prototypes

ALL_LIBS := $(call upto,$(lastword $(MODULES)))
# the privileged helper links with as little as possible
LIBS_meshvpn-netd := $(call upto,sys)
LDLIBS_meshvpn-netd := $(shell pkg-config --libs libnl-3.0)
define program_rules
$(B)/$(1): $(call objs,userspace/$(1)) $(or $(LIBS_$(1)),$(ALL_LIBS))
	$$(call say,LD,$$@)
	$(Q)$$(CC) $$(LDFLAGS) -o $$@ $(call objs,userspace/$(1)) -Wl,--start-group $(or $(LIBS_$(1)),$(ALL_LIBS)) \
		-Wl,--end-group $(or $(LDLIBS_$(1)),$$(LDLIBS))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rules,$(p))))

# its test drives the helper itself
$(UNIT_sys): | $(B)/meshvpn-netd

unit: $(MODULES:%=unit-%)
tests: $(UNITS)

# Further test programs and tools bring rules of their own.
-include $(wildcard selftests/*/Makefile.inc tools/*/Makefile.inc)

# ---- installation ----
prefix ?= /usr/local
sbindir ?= $(prefix)/sbin
bindir ?= $(prefix)/bin
# the daemon looks for its helper there: beside its own folder
libexecdir := $(sbindir)/../libexec/meshvpn
mandir ?= $(prefix)/share/man
unitdir ?= /usr/lib/systemd/system
sysusersdir ?= /usr/lib/sysusers.d
completiondir ?= $(prefix)/share

install: all
	install -D -m 755 $(B)/meshvpnd $(DESTDIR)$(sbindir)/meshvpnd
	install -D -m 755 $(B)/meshvpn-netd $(DESTDIR)$(libexecdir)/meshvpn-netd
	install -D -m 755 $(B)/meshvpn-ctl $(DESTDIR)$(bindir)/meshvpn-ctl
	for m in Documentation/man/*.[1-8]; do \
		install -D -m 644 $$m $(DESTDIR)$(mandir)/man$${m##*.}/$${m##*/} || exit; done
	install -d $(DESTDIR)$(unitdir)
	sed 's|@sbindir@|$(sbindir)|' tools/systemd/meshvpnd.service > $(DESTDIR)$(unitdir)/meshvpnd.service
	install -D -m 644 tools/systemd/meshvpn.sysusers $(DESTDIR)$(sysusersdir)/meshvpn.conf
	install -D -m 644 tools/completions/meshvpn-ctl.bash $(DESTDIR)$(completiondir)/bash-completion/completions/meshvpn-ctl
	install -D -m 644 tools/completions/_meshvpn-ctl $(DESTDIR)$(completiondir)/zsh/site-functions/_meshvpn-ctl
	install -D -m 644 tools/completions/meshvpn-ctl.fish $(DESTDIR)$(completiondir)/fish/vendor_completions.d/meshvpn-ctl.fish
	# the daemon reads it again when it is no longer root
	install -d -m 755 $(DESTDIR)/etc/meshvpn
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/doc/meshvpn/examples Documentation/examples/*.conf
.PHONY: install

clean:
	rm -rf build build-*

-include $(shell find $(B) -type f -name '*.d' 2>/dev/null)
