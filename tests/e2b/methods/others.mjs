/// Templates, volumes, secrets and the MCP gateway: what of them there is.
import assert from "node:assert/strict";
import { Secret, Template, Volume } from "e2b";
import { refused, row } from "../methods.mjs";

export const title = "Templates, volumes, secrets";
export const order = 8;

const template = () => Template().fromImage("ubuntu:22.04").runCmd("true");
export const methods = [
  row("Template.exists", "GET /templates/aliases/{alias}", async () => {
    assert.deepEqual([await Template.exists("base"), await Template.exists("host"), await Template.exists("nonsense")], [true, true, false]);
  }),
  row("Template.aliasExists", "GET /templates/aliases/{alias}", async () => {
    assert.deepEqual([await Template.aliasExists("base"), await Template.aliasExists("nonsense")], [true, false]);
  }),
  row("Template.getTags", "GET /templates/{id}/tags", async () => {
    assert.deepEqual((await Template.getTags("base")).map(({ tag }) => tag), ["default"]);
    return "A template is of one make, called `default`.";
  }),
  row("Template.build", "POST /v3/templates", () => Template.build(template(), "mine")),
  row("Template.buildInBackground", "POST /v3/templates", () => Template.buildInBackground(template(), "mine")),
  row("Template.getBuildStatus", "GET /templates/{id}/builds/{build}/status", async () => {
    await assert.rejects(Template.getBuildStatus({ templateId: "x", buildId: "y" }), /there is no build/);
    return "There are none: see `Template.build`.";
  }),
  row("Template.assignTags", "POST /templates/tags", () => Template.assignTags("base", "v1")),
  row("Template.removeTags", "DELETE /templates/tags", () => Template.removeTags("base", "v1")),
  row("Template.toJSON", "", async () => {
    assert.match(await Template.toJSON(template(), false), /ubuntu:22.04/);
  }),
  row("Template.toDockerfile", "", async () => {
    assert.match(Template.toDockerfile(template()), /^FROM ubuntu:22.04/);
    return "What it prints is what `brig template build NAME -f Dockerfile` takes.";
  }),
  row("Volume.create", "POST /volumes", () => Volume.create("mine")),
  row("Volume.list", "GET /volumes", async () => {
    assert.deepEqual(await Volume.list(), []);
    return "Always empty: there are no volumes.";
  }),
  row("Volume.getInfo", "GET /volumes/{id}", async () => {
    await assert.rejects(Volume.getInfo("mine"), /no volume|not found/i);
    return "Always not found: there are no volumes.";
  }),
  row("Volume.connect", "GET /volumes/{id}", async () => {
    await assert.rejects(Volume.connect("mine"), /no volume|not found/i);
    return "Always not found: there are no volumes.";
  }),
  row("Volume.destroy", "DELETE /volumes/{id}", async () => {
    assert.equal(await Volume.destroy("mine"), false);
    return "Always false: there are no volumes.";
  }),
  row("Secret.create", "POST /secrets", () => Secret.create("mine", "value")),
  row("Secret.list", "GET /secrets", async () => {
    assert.deepEqual(await Secret.list().nextItems(), []);
    return "Always empty: there are no secrets.";
  }),
  row("Secret.getInfo", "GET /secrets/{id}", async () => {
    await assert.rejects(Secret.getInfo("mine"), /no secret|not found/i);
    return "Always not found: there are no secrets.";
  }),
  row("Secret.exists", "GET /secrets/{id}", async () => {
    assert.equal(await Secret.exists("mine"), false);
    return "Always false: there are no secrets.";
  }),
  row("Secret.update", "POST /secrets/{id}", async () => {
    await assert.rejects(Secret.update("mine", "value"), /no secret|not found/i);
    return "Always not found: there are no secrets.";
  }),
  row("Secret.destroy", "DELETE /secrets/{id}", async () => {
    assert.equal(await Secret.destroy("mine"), false);
    return "Always false: there are no secrets.";
  }),
  row("Secret.fill", "", async () => {
    assert.equal(Secret.fill("mine"), "${e2b.secrets.mine}");
    return "Nothing puts the secret there: there are none.";
  }),
  row("Secret.iamToken", "POST /v2/sandboxes", (t) =>
    refused(() => t.make("base", { iam: { tokens: { aws: Secret.iamToken({ audience: "x", tokenType: "JWT-SVID" }) } } }), /not supported/)),
  row("sandbox.getMcpUrl", "", async (t) => {
    assert.match(t.box.getMcpUrl(), /\/mcp$/);
    return "Nothing answers there: there is no gateway for MCP servers inside. Brig itself speaks MCP.";
  }),
  row("sandbox.getMcpToken", "GET /files", async (t) => {
    await assert.rejects(t.box.getMcpToken(), /invalid username: 'root'/);
    return "There is none: see `sandbox.getMcpUrl`.";
  }),
];
