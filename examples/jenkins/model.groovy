// A small model of a declarative pipeline: it knows the words below and no others, so that a misspelt one is an error,
// and does on this machine what the steps say, one stage after the other. It is not Jenkins: its plugins, its sandbox
// and real agents are not tried.
//
//   groovy model.groovy JENKINSFILE REPOSITORY FOLDER AGENTS
//
// AGENTS is a file of lines NAME|LABELS|COMMAND; COMMAND starts every shell of that agent.
import org.codehaus.groovy.control.CompilerConfiguration

abstract class Model extends Script {
    static File repository, folder
    static List<List<String>> agents
    static Map env = [:], stashes = [:]
    static String stageName, label
    static List<String> agent
    static File workspace, here
    static Throwable failed

    void pipeline(Closure body) { body() }
    void stages(Closure body) { body() }
    void parallel(Closure body) { body() }
    void options(Closure body) { body() }
    void environment(Closure body) { body() }
    void always(Closure body) { body() }
    void cleanup(Closure body) { body() }
    void timestamps() { }
    void skipDefaultCheckout() { }
    void timeout(Map limit) { assert limit.keySet() == ['time', 'unit'] as Set }
    void agent(String none) { assert none == 'none' }
    void agent(Closure body) { body() }
    void label(String text) { Model.@label = text }

    void stage(String name, Closure body) {
        stageName = name
        body()
        if (failed != null) { throw failed }
    }

    void steps(Closure body) {
        Set<String> wanted = Model.@label.split('&&')*.trim() as Set
        Model.@agent = agents.find { it[1].split(' ').toList().containsAll(wanted) }
        assert Model.@agent != null : "no agent has the labels ${Model.@label}"
        println "== ${stageName} | ${Model.@label} | ${Model.@agent[0]}"
        workspace = here = new File(folder, "${Model.@agent[0]}-${stageName}")
        assert workspace.mkdirs()
        new File("${workspace}@tmp").mkdirs()
        env.putAll([WORKSPACE: workspace.path, WORKSPACE_TMP: "${workspace}@tmp" as String, STAGE_NAME: stageName])
        env.NODE_NAME = Model.@agent[0]
        try { body() } catch (Throwable error) { failed = error }
    }

    void post(Closure body) { body() }

    int shell(String script) {
        List<String> command = Model.@agent[2].split(' ').findAll { it } + ['bash', '-e', '-c', script]
        ProcessBuilder builder = new ProcessBuilder(command).directory(here).inheritIO()
        (binding.variables + env).each { key, value ->
            if (key ==~ /[A-Z_]+/ && value != null) { builder.environment()[key] = value as String }
        }
        return builder.start().waitFor()
    }

    Object sh(Map how) {
        assert (how.keySet() - ['label', 'returnStatus', 'script']).empty
        int code = shell(how.script)
        if (!how.returnStatus && code != 0) { throw new IllegalStateException("sh ended with ${code}") }
        return how.returnStatus ? code : null
    }
    Object sh(String script) { return sh(script: script) }
    void checkout(String scm) { sh("git clone -q '${repository}' .") }
    void error(String why) { throw new IllegalStateException(why) }
    void deleteDir() { assert here.deleteDir() } // the folder beside it stays, as on an agent

    void dir(String path, Closure body) {
        File back = here
        here = new File(path)
        try { body() } finally { here = back }
    }

    void stash(Map what) {
        stashes[what.name as String] = files(what.includes).collectEntries { [it, new File(here, it).bytes] }
    }

    void unstash(String name) {
        assert stashes[name] : "nothing was stashed as ${name}"
        stashes[name].each { path, content ->
            File file = new File(here, path)
            file.parentFile.mkdirs()
            file.bytes = content
        }
    }

    void junit(String path) { new groovy.xml.XmlSlurper().parse(new File(here, path)) }
    void archiveArtifacts(Map what) { what.artifacts.split(',').each { println "archived ${files(it.trim()).size()} of ${it}" } }

    List<String> files(String pattern) {
        List<String> found = []
        here.eachFileRecurse(groovy.io.FileType.FILES) { file ->
            String path = file.path.substring(here.path.length() + 1)
            if (path == pattern || (pattern.endsWith('**') && path.startsWith(pattern - '**'))) { found << path }
        }
        assert found : "nothing in ${here} is ${pattern}"
        return found
    }
}

Model.repository = new File(args[1])
Model.folder = new File(args[2])
Model.agents = new File(args[3]).readLines()*.split(/\|/, 3)*.toList()
Binding words = new Binding([env: Model.env, scm: 'scm', none: 'none'])
CompilerConfiguration settings = new CompilerConfiguration(scriptBaseClass: 'Model')
new GroovyShell(this.class.classLoader, words, settings).evaluate(new File(args[0]))
println '== passed'
