package RustPageCache::Process;

# Child processes of a test: started here, remembered here, stopped here. Each
# leads a process group, so that its own children end with it.

use v5.32;
use warnings;
use experimental 'signatures';

use Exporter 'import';
use POSIX ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(freeze spawn fork_child stop wait_until);

# How long anything may take that has no reason to take long at all.
use constant PATIENCE => $ENV{TEST_NGINX_PATIENCE} // 10;

my (%child, $owner);
$owner = $$;

# Polls until the condition is true, at most `$seconds`; its last value.
sub wait_until ($condition, $seconds = PATIENCE) {
    my $end = time + $seconds;
    while (1) {
        my $value = $condition->();
        return $value if $value || time >= $end;
        sleep 0.01;
    }
}

# Starts a program, its output in a file.
sub spawn ($output, @command) {
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        setpgrp;
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>>', $output;
        open STDERR, '>&', \*STDOUT;
        # `exec` only returns if it failed; the test's own END must not run here.
        { no warnings 'exec'; exec { $command[0] } @command }
        print STDERR "$command[0]: $!\n";
        POSIX::_exit(127);
    }
    $child{$pid} = 1;
    return $pid;
}

# Runs code in a child, which ends without the parent's END blocks.
sub fork_child ($code) {
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        setpgrp;
        $SIG{$_} = 'DEFAULT' for qw(CHLD HUP INT PIPE TERM);
        eval { $code->(); 1 } or print STDERR "# child: $@";
        POSIX::_exit(0);
    }
    $child{$pid} = 1;
    return $pid;
}

# Stops a child in its tracks, its sockets open; CONT lets it go on. Returns once
# every thread stands still, for one that does not may answer once more.
sub freeze ($pid) {
    kill 'STOP', $pid;
    my $still = sub {
        my @states = map { thread_state($_) } glob "/proc/$pid/task/*/stat";
        return @states && !grep { $_ ne 'T' } @states;
    };
    wait_until($still) or die "process $pid does not stop\n";
    return;
}

sub thread_state ($path) {
    open my $in, '<', $path or return ();
    my $stat = <$in> // return ();
    return $stat =~ /\) (\S)/ ? $1 : ();
}

# Ends a child, and the children it has made; no store of a test has anything
# to save.
sub stop ($pid) {
    return unless delete $child{$pid};
    kill 'KILL', -$pid, $pid;
    waitpid $pid, 0;
    return;
}

sub stop_all ($class) {
    return if $$ != $owner;
    stop($_) for keys %child;
    RustPageCache::Nginx->stop_all;
    return;
}

1;
