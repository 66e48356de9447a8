#!/usr/bin/python3
"""packaging/: the manifests and the Containerfile say nothing that Brig, its other files or Kubernetes' schemas do not know."""
import json
import os
import re
import subprocess
import unittest

import recipe

BRIG = os.environ.get("BRIG", "build/dev/bin/brig")
DEPLOYMENTS = (recipe.STRONG, recipe.WEAK)


def help_of(*command):
    return subprocess.run([BRIG, *command, "--help"], capture_output=True, text=True, check=True).stdout


class Manifests(unittest.TestCase):
    def for_each(self):
        for name in DEPLOYMENTS:
            with self.subTest(name):
                yield name

    def common(self, kind):
        return next(one for one in recipe.manifests("common.yaml") if one["kind"] == kind)

    def test_flags_are_those_of_brig_serve(self):
        known = set(re.findall(r"--[a-z][a-z-]+", help_of("serve")))
        for name in self.for_each():
            words = recipe.command_of(name)
            self.assertEqual(words[1:3], ["/usr/local/bin/brig", "serve"])
            flags = [word.partition("=")[0] for word in words if word.startswith("--")]
            self.assertIn("--listen", flags)
            self.assertEqual([flag for flag in flags if flag not in known], [])

    def test_one_port_everywhere(self):
        service = self.common("Service")["spec"]["ports"]
        policy = self.common("NetworkPolicy")["spec"]["ingress"]
        self.assertEqual([port["port"] for rule in policy for port in rule["ports"]], [service[0]["port"]])
        self.assertEqual(recipe.last("EXPOSE"), str(service[0]["port"]))
        for name in self.for_each():
            container = recipe.container_of(name)
            self.assertEqual([(port["name"], port["containerPort"]) for port in container["ports"]], [(service[0]["targetPort"], service[0]["port"])])
            self.assertIn("--listen=0.0.0.0:%d" % service[0]["port"], container["args"])
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                check = container[probe].get("httpGet") or container[probe]["tcpSocket"]
                self.assertEqual(check["port"], service[0]["targetPort"])

    def test_probes_ask_what_the_api_has_without_a_key(self):
        paths = json.loads((recipe.ROOT / "schema/openapi.json").read_text())["paths"]
        for name in self.for_each():
            for probe in ("startupProbe", "readinessProbe"):
                check = recipe.container_of(name)[probe]["httpGet"]
                self.assertIn("get", paths[check["path"]])
                self.assertEqual(paths[check["path"]]["get"].get("security"), [])
                self.assertEqual(check["scheme"], "HTTPS")  # as --tls-cert makes it

    def test_what_is_selected_is_the_pod(self):
        for name in self.for_each():
            labels = recipe.deployment(name)["spec"]["template"]["metadata"]["labels"]
            selectors = [recipe.deployment(name)["spec"]["selector"]["matchLabels"], self.common("Service")["spec"]["selector"],
                         self.common("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]]
            for selector in selectors:
                self.assertTrue(selector and selector.items() <= labels.items(), selector)
            self.assertEqual(recipe.pod_of(name)["serviceAccountName"], self.common("ServiceAccount")["metadata"]["name"])
        namespaces = {one["metadata"].get("namespace", one["metadata"]["name"]) for file in ("common.yaml", *DEPLOYMENTS) for one in recipe.manifests(file)}
        self.assertEqual(namespaces, {self.common("Namespace")["metadata"]["name"]})

    def test_files_that_are_named_are_mounted(self):
        for name in self.for_each():
            container, pod = recipe.container_of(name), recipe.pod_of(name)
            mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            self.assertEqual(sorted(mounts.values()), sorted(volume["name"] for volume in pod["volumes"]))
            paths = [word.partition("=")[2] for word in container["args"] if word.startswith("--tls-")]
            state = recipe.last("ENTRYPOINT")[recipe.last("ENTRYPOINT").index("--state-dir") + 1]
            for path in [*paths, state]:
                self.assertTrue(any(path.startswith(mount + "/") for mount in mounts), path)
            self.assertIn(recipe.last("VOLUME"), mounts)
            claims = [volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume]
            self.assertEqual(claims, [self.common("PersistentVolumeClaim")["metadata"]["name"]])
            # kubectl create secret tls makes exactly these two.
            self.assertEqual({os.path.basename(path) for path in paths}, {"tls.crt", "tls.key"})

    def test_nothing_of_the_node_is_in_the_pod(self):
        for name in self.for_each():
            pod = recipe.pod_of(name)
            for switch in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
                self.assertNotIn(switch, pod)
            self.assertEqual([volume for volume in pod["volumes"] if "hostPath" in volume], [])
            self.assertIs(pod["automountServiceAccountToken"], False)
            for container in pod["containers"]:
                self.assertIs(container["securityContext"]["privileged"], False)
                self.assertIs(container["securityContext"]["readOnlyRootFilesystem"], True)
                self.assertEqual(container["securityContext"]["capabilities"]["drop"], ["ALL"])
                self.assertIn("memory", container["resources"]["limits"])

    def test_the_unprivileged_pod_has_no_privilege(self):
        pod, context = recipe.pod_of(recipe.WEAK), recipe.container_of(recipe.WEAK)["securityContext"]
        self.assertIs(pod["hostUsers"], False)
        self.assertIs(pod["securityContext"]["runAsNonRoot"], True)
        self.assertGreater(pod["securityContext"]["runAsUser"], 0)
        self.assertIs(context["allowPrivilegeEscalation"], False)
        self.assertNotIn("add", context["capabilities"])

    def test_memory_promised_is_less_than_the_limit(self):
        units = {"G": 1 << 30, "Gi": 1 << 30}
        size = lambda text: int(re.match(r"\d+", text)[0]) * units[re.search(r"\D+$", text)[0]]  # noqa: E731
        for name in self.for_each():
            container = recipe.container_of(name)
            promised = next(word.partition("=")[2] for word in container["args"] if word.startswith("--memory-in-all"))
            self.assertLess(size(promised), size(container["resources"]["limits"]["memory"]))

    def test_the_grace_is_longer_than_the_keepers_patience(self):
        keeper = (recipe.ROOT / "apps/brigd/keeper.cc").read_text()
        patience = int(re.search(r"kStopPatience\{(\d+)\}", keeper)[1])
        for name in self.for_each():
            self.assertGreater(recipe.pod_of(name)["terminationGracePeriodSeconds"], patience)


class Containerfile(unittest.TestCase):
    KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "ARG", "VOLUME", "ENV", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}

    def test_every_instruction_is_one(self):
        self.assertEqual({name for name, _ in recipe.instructions()} - self.KNOWN, set())

    def test_the_last_stage_takes_what_the_first_made(self):
        stages = [rest for name, rest in recipe.instructions() if name == "FROM"]
        self.assertEqual(len(stages), 2)
        self.assertTrue(stages[0].endswith(" AS build"), stages)
        copies = [rest.split() for name, rest in recipe.instructions() if name == "COPY"]
        self.assertIn(["--from=build", "/out/usr/local/", "/usr/local/"], copies)
        for words in copies:
            if not words[0].startswith("--"):
                self.assertTrue((recipe.ROOT / words[0]).exists(), words)

    def test_scripts_and_presets_that_it_runs_exist(self):
        build = next(rest for name, rest in recipe.instructions() if name == "RUN")
        for script in re.findall(r"scripts/\S+", build):
            self.assertTrue(os.access(recipe.ROOT / script, os.X_OK), script)
        presets = {one["name"] for one in json.loads((recipe.ROOT / "CMakePresets.json").read_text())["configurePresets"]}
        wanted = set(re.findall(r"--preset (\S+)", build))
        self.assertTrue(wanted and wanted <= presets, wanted)

    def test_the_entry_point_is_installed(self):
        start = recipe.last("ENTRYPOINT")[0]
        self.assertIn("packaging/container/start " + start, [rest for name, rest in recipe.instructions() if name == "COPY"])
        self.assertTrue(os.access(recipe.PACKAGING / "container/start", os.X_OK))

    def test_the_health_check_is_a_command_of_brig(self):
        _, words = recipe.healthcheck()
        self.assertEqual(words[0], "/usr/local/bin/brig")
        self.assertIn(words[2], help_of(words[1]))

    def test_the_socket_is_where_the_daemon_makes_it(self):
        words = recipe.last("ENTRYPOINT")
        state = words[words.index("--state-dir") + 1]
        self.assertEqual(recipe.last("ENV"), "BRIG_API_URL=unix:" + state + "/brigd.sock")

    def test_the_unprivileged_user_is_the_daemons(self):
        settings = (recipe.ROOT / "apps/brigd/settings.h").read_text()
        uid = int(re.search(r"kDaemonId = ([\d']+)", settings)[1].replace("'", ""))
        self.assertEqual(recipe.pod_of(recipe.WEAK)["securityContext"]["runAsUser"], uid)
        self.assertIn("-o %d " % uid, " ".join(str(rest) for name, rest in recipe.instructions() if name == "RUN"))


if __name__ == "__main__":
    unittest.main()
