#include "image/worker/unpack.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/value.hpp>

#include "image/digest.h"
#include "image/testing/packed.h"
#include "image/testing/scratch_folder.h"
#include "image/testing/tar_maker.h"
#include "image/worker/oci.h"
#include "json/json.h"
#include "sys/file.h"

namespace brig::image {
namespace {

using Object = boost::json::object;
using Array = boost::json::array;
using testing::gzip;
using ::testing::HasSubstr;
using testing::TarMaker;

/// An OCI layout as a tar, with every part open to a test's tampering.
struct Layout {
  TarMaker tar;
  Array manifests;
  Array layers;
  Array diff_ids;
  Object config{{"Env", Array{"A=b", "BAD-NAME=x", "PATH=/bin"}}, {"WorkingDir", "/srv/x"}, {"Cmd", Array{"sh"}}};
  std::string architecture{own_architecture()};

  Object blob(const std::string& bytes, std::string_view type) {
    const std::string digest = digest_of(bytes);
    tar.file("blobs/sha256/" + std::string(hex_of(digest)), bytes);
    return {{"mediaType", type}, {"digest", digest}, {"size", bytes.size()}};
  }
  Layout& layer(const TarMaker& files) {
    const std::string plain = files.done();
    layers.emplace_back(blob(gzip(plain), "application/vnd.oci.image.layer.v1.tar+gzip"));
    diff_ids.emplace_back(digest_of(plain));
    return *this;
  }
  std::string config_text() const {
    return json::write(Object{{"architecture", architecture},
                              {"os", "linux"},
                              {"config", config},
                              {"rootfs", Object{{"type", "layers"}, {"diff_ids", diff_ids}}}});
  }
  Object image() {
    const Object made = blob(config_text(), "application/vnd.oci.image.config.v1+json");
    return blob(json::write(Object{{"schemaVersion", 2}, {"config", made}, {"layers", layers}}),
                "application/vnd.oci.image.manifest.v1+json");
  }
  std::string done() {
    if (manifests.empty()) manifests.emplace_back(image());
    return TarMaker(tar)
        .file("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}")
        .file("index.json", json::write(Object{{"schemaVersion", 2}, {"manifests", manifests}}))
        .done();
  }
};

class Unpack : public ::testing::Test {
 protected:
  Result<Manifest> unpack(const std::string& archive, const std::string& image = "") {
    scratch_ = std::make_unique<testing::ScratchFolder>();
    scratch_->write("input", archive);
    (void)::mkdir((*scratch_ / "build").c_str(), 0755);
    const Fd input = TRY(sys::open(*scratch_ / "input", O_RDONLY));
    const Fd build = TRY(sys::open(*scratch_ / "build", O_RDONLY | O_DIRECTORY));
    return brig::image::unpack(
        {.input = input.ref(), .build = build.ref(), .image = image, .tree = {.members = 50'000, .bytes = 20'000'000}});
  }
  std::string trouble(const std::string& archive, const std::string& image = "") {
    const auto done = unpack(archive, image);
    return done ? "none" : done.error().message();
  }
  [[nodiscard]] std::string text(const std::string& path) const { return scratch_->text("build/tree/" + path); }

  std::unique_ptr<testing::ScratchFolder> scratch_;
};

TarMaker base() { return TarMaker().file("usr/bin/python3", "x", 0755).file("a", "1").file("b", "1"); }

TEST_F(Unpack, AnOciLayout) {
  const auto made = unpack(Layout().layer(base()).layer(TarMaker().file(".wh.a", "").file("b", "2")).done());
  ASSERT_TRUE(made.has_value()) << made.error().message();
  EXPECT_EQ(made->provenance.kind, "oci");
  EXPECT_TRUE(is_digest(made->provenance.source_digest));
  EXPECT_EQ(made->defaults.environment, (std::vector<policy::Variable>{{"A", "b"}, {"PATH", "/bin"}}));
  EXPECT_EQ(made->defaults.working_folder, "/srv/x");
  EXPECT_EQ(made->defaults.command, (std::vector<std::string>{"sh"}));
  EXPECT_EQ(made->defaults.languages, (std::vector<Language>{{"python", "/usr/bin/python3"}}));
  EXPECT_EQ(text("b"), "2");
  EXPECT_FALSE(scratch_->has("build/tree/a"));
  EXPECT_TRUE(scratch_->has("build/tree/srv/x")) << "a sandbox starts there";
}

TEST_F(Unpack, ALabelSaysWhatIsPreloaded) {
  const auto of = [&](Object labels) {
    Layout layout;
    layout.config["Labels"] = std::move(labels);
    const auto made = unpack(layout.layer(base()).done());
    EXPECT_TRUE(made.has_value()) << made.error().message();
    return made ? made->defaults.preload : std::nullopt;
  };
  EXPECT_EQ(of({{"other", "x"}}), std::nullopt);
  EXPECT_EQ(of({{"brig.preload", "numpy scipy.stats"}}), (std::vector<std::string>{"numpy", "scipy.stats"}));
  EXPECT_EQ(of({{"brig.preload", "-c"}}), std::nullopt) << "the image is sound without";
}

TEST_F(Unpack, APackedArchiveOfOne) {
  const auto made = unpack(gzip(Layout().layer(base()).done()));
  ASSERT_TRUE(made.has_value()) << made.error().message();
  EXPECT_EQ(made->provenance.kind, "oci");
}

TEST_F(Unpack, TheImageOfThisMachineAmongSeveral) {
  Layout layout;
  layout.layer(base());
  Object ours = layout.image();
  ours["platform"] = Object{{"os", "linux"}, {"architecture", own_architecture()}};
  Object other = ours;
  other["platform"] = Object{{"os", "linux"}, {"architecture", "s390x"}};
  const Object inner = layout.blob(json::write(Object{{"schemaVersion", 2}, {"manifests", Array{other, ours}}}),
                                   "application/vnd.oci.image.index.v1+json");
  layout.manifests = Array{inner};
  EXPECT_EQ(trouble(layout.done()), "none");
}

TEST_F(Unpack, SeveralImagesMustBeChosenFrom) {
  Layout layout;
  layout.layer(base());
  Object one = layout.image();
  one["annotations"] = Object{{"org.opencontainers.image.ref.name", "one"}};
  Object two = one;
  two["annotations"] = Object{{"org.opencontainers.image.ref.name", "two"}};
  layout.manifests = Array{one, two};
  EXPECT_THAT(trouble(layout.done()), HasSubstr("it has 2 images: one, two (choose one with --image)"));
  EXPECT_EQ(trouble(layout.done(), "two"), "none");
  EXPECT_THAT(trouble(layout.done(), "three"), HasSubstr("no one image \"three\""));
}

TEST_F(Unpack, AnImageForAnotherMachineIsRefused) {
  Layout layout;
  layout.architecture = "s390x";
  EXPECT_THAT(trouble(layout.layer(base()).done()), HasSubstr("for s390x"));
}

TEST_F(Unpack, WhatIsNotWhatItsNameSaysIsRefused) {
  const std::string sound = Layout().layer(base()).done();
  ASSERT_EQ(trouble(sound), "none");
  {
    Layout layout;  // the layer's bytes are another sound layer's
    layout.layer(base());
    const std::string name = "blobs/sha256/" + std::string(hex_of(layout.layers[0].at("digest").as_string().c_str()));
    layout.tar.file(name, gzip(TarMaker().file("evil", "x").done()));
    EXPECT_THAT(trouble(layout.done()), HasSubstr("not what"));
  }
  {
    Layout layout;
    layout.layer(base());
    layout.diff_ids[0] = digest_of("other");
    EXPECT_THAT(trouble(layout.done()), HasSubstr("its contents are not what the image's configuration says"));
  }
  {
    Layout layout;
    layout.layer(base());
    layout.layers[0].as_object()["size"] = 1;
    EXPECT_THAT(trouble(layout.done()), HasSubstr("not what its name says"));
  }
  {
    Layout layout;
    layout.layer(base());
    layout.diff_ids.emplace_back(digest_of("more"));
    EXPECT_THAT(trouble(layout.done()), HasSubstr("the image has 1 layers, and its configuration 2"));
  }
  {
    Layout layout;
    layout.layer(base());
    layout.manifests.emplace_back(Object{{"digest", digest_of("missing")}, {"size", 7}});
    EXPECT_THAT(trouble(layout.done()), HasSubstr("the archive has no"));
  }
}

TEST_F(Unpack, IndexesThatNameEachOtherEnd) {
  Layout layout;  // none can name itself, its digest forbids that: a chain that is too long is the nearest to a circle
  Object inner = layout.layer(base()).image();
  for (int i = 0; i < 10; ++i)
    inner = layout.blob(json::write(Object{{"schemaVersion", 2}, {"manifests", Array{inner}}}),
                        "application/vnd.oci.image.index.v1+json");
  layout.manifests = Array{inner};
  EXPECT_THAT(trouble(layout.done()), HasSubstr("without an end"));
}

TEST_F(Unpack, TenThousandLayersAreTooMany) {
  Layout layout;
  layout.layer(base());
  const boost::json::value layer = layout.layers[0];
  while (layout.layers.size() < 10'000) layout.layers.push_back(layer);
  EXPECT_THAT(trouble(layout.done()), HasSubstr("more than 1000 entries"));
}

TEST_F(Unpack, JsonThatIsTooLargeOrTooDeepIsRefused) {
  const auto with = [](const std::string& index) {
    return TarMaker().file("oci-layout", "{}").file("index.json", index).done();
  };
  EXPECT_THAT(trouble(with(std::string(5'000'000, ' '))), HasSubstr("larger than"));
  EXPECT_THAT(trouble(with(std::string(1000, '['))), HasSubstr("index.json"));
  EXPECT_THAT(trouble(with("{}")), HasSubstr("schemaVersion"));
  EXPECT_THAT(trouble(with(R"({"schemaVersion":2,"manifests":[{"digest":"sha256:../../etc/passwd","size":1}]})")),
              HasSubstr("hexadecimal"));
  EXPECT_THAT(trouble(with(R"({"schemaVersion":2,"manifests":[]})")), HasSubstr("no image"));
}

std::string saved(const std::string& config_name, const std::string& config, const std::string& layer_path,
                  TarMaker tar) {
  return tar.file(config_name, config)
      .file("manifest.json",
            json::write(
                Array{Object{{"Config", config_name}, {"RepoTags", Array{"x:latest"}}, {"Layers", Array{layer_path}}}}))
      .done();
}

TEST_F(Unpack, ADockerArchive) {
  const std::string layer = base().done();
  Layout layout;
  layout.diff_ids = Array{digest_of(layer)};
  const std::string config = layout.config_text();
  const std::string name = std::string(hex_of(digest_of(config))) + ".json";
  EXPECT_EQ(trouble(saved(name, config, "1/layer.tar", TarMaker().file("1/layer.tar", layer))), "none");
  EXPECT_EQ(trouble(saved(name, config, "1/layer.tar",
                          TarMaker().file("2/layer.tar", layer).symlink("1/layer.tar", "../2/layer.tar"))),
            "none");
  EXPECT_EQ(trouble(saved(name, config, "1/layer.tar",
                          TarMaker().file("2/layer.tar", layer).hard_link("1/layer.tar", "2/layer.tar"))),
            "none");
  EXPECT_THAT(trouble(saved(name, config, "1/layer.tar",
                            TarMaker().symlink("1/layer.tar", "../2").symlink("2", "1/layer.tar"))),
              HasSubstr("in a circle"));
  EXPECT_THAT(trouble(saved(name, config, "1/layer.tar", TarMaker().symlink("1/layer.tar", "../../etc/passwd"))),
              HasSubstr("leads out"));
  EXPECT_THAT(trouble(saved(name, config, "../layer.tar", TarMaker().file("1/layer.tar", layer))),
              HasSubstr("leads out"));
  EXPECT_THAT(trouble(saved("other.json", config, "1/layer.tar", TarMaker().file("1/layer.tar", layer))),
              HasSubstr("not what its name says"));
  EXPECT_THAT(
      trouble(saved(name, config, "1/layer.tar", TarMaker().file("1/layer.tar", TarMaker().file("evil", "x").done()))),
      HasSubstr("not what the image's configuration says"));
}

TEST_F(Unpack, ATarOfFiles) {
  const auto made = unpack(gzip(base().file(".wh.x", "1").done()));
  ASSERT_TRUE(made.has_value()) << made.error().message();
  EXPECT_EQ(made->provenance.kind, "tar");
  EXPECT_EQ(text(".wh.x"), "1");
  EXPECT_THAT(trouble(TarMaker().done()), HasSubstr("empty"));
  EXPECT_THAT(trouble("nonsense that is no archive of any kind"), HasSubstr("no sound tar"));
  EXPECT_THAT(trouble(""), HasSubstr("ends too early"));
}

TEST_F(Unpack, BombsAreBounded) {
  EXPECT_THAT(trouble(gzip(TarMaker().file("zeros", std::string(30'000'000, '\0')).done())), HasSubstr("too large"));
  EXPECT_THAT(trouble(Layout().layer(TarMaker().file("zeros", std::string(30'000'000, '\0'))).done()),
              HasSubstr("MB of files"));
}

}  // namespace
}  // namespace brig::image
