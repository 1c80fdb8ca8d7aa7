# python3 test/reference/statistics.py writes statistics.json: what scipy says of the cases.
import numpy as np, json
from scipy import stats, special
out={}
out["normalShare"]=[[z, stats.norm.cdf(z)] for z in [-9,-3.5,-3,-1.96,-0.1,0,0.5,1.3,2.9,3.1,6]]
out["normalQuantile"]=[[p, stats.norm.ppf(p)] for p in [1e-10,0.001,0.025,0.3,0.5,0.9,0.975,0.9999]]
out["studentQuantile"]=[[p,d, stats.t.ppf(p,d)] for p,d in [(0.975,1),(0.975,2),(0.975,4),(0.95,9),(0.995,30),(0.3,3)]]
out["regularizedBeta"]=[[x,a,b, special.betainc(a,b,x)] for x,a,b in [(0.3,2,5),(0.5,500.5,499.5),(0.99,0.5,0.5),(0.01,40,3),(0.7,1000,400)]]
out["logGamma"]=[[x, special.gammaln(x)] for x in [0.1,0.5,1,2,3.7,10,171.3,1e5]]
out["binomialShare"]=[[k,n,p, stats.binom.cdf(k,n,p)] for k,n,p in [(0,5,0.5),(3,10,0.5),(480,1000,0.5),(10,10,0.3),(7,40,0.3)]]
out["mcNemar"]=[[b,c, stats.binomtest(b,b+c,0.5).pvalue if b+c else 1.0] for b,c in [(0,0),(1,0),(3,12),(12,3),(59,41),(500,430),(0,20)]]
def wil(k,n):
    r=stats.binomtest(k,n).proportion_ci(0.95,method="wilson"); return [k,n,r.low,r.high]
out["wilson"]=[wil(k,n) for k,n in [(1,1),(0,7),(100,100),(8,10)]]
rng=np.random.default_rng(0)
scores=(rng.random(200)<0.93).astype(float)
scores2=np.round(rng.gamma(0.7,1.0,60),4)
def bca(sorted_means, s, level=.95):
    m=s.mean(); B=len(sorted_means)
    share=(np.sum(sorted_means<m-1e-12)+0.5*np.sum(np.abs(sorted_means-m)<=1e-12))/B
    z0=stats.norm.ppf(share)
    jack=np.array([np.delete(s,i).mean() for i in range(len(s))])
    d=jack.mean()-jack
    a=np.sum(d**3)/(6*np.sum(d**2)**1.5)
    r=[]
    for q in [(1-level)/2,(1+level)/2]:
        z=stats.norm.ppf(q); p=stats.norm.cdf(z0+(z0+z)/(1-a*(z0+z)))
        r.append(float(np.quantile(sorted_means,p)))
    return r
for name,s in (("shares",scores),("skewed",scores2)):
    means=np.sort(np.array([s[np.random.default_rng(i).integers(0,len(s),len(s))].mean() for i in range(400)]))
    big=stats.bootstrap((s,),np.mean,n_resamples=200000,method="BCa",vectorized=True,batch=2000,random_state=1)
    out["bca_"+name]=dict(scores=s.tolist(),means=means.round(12).tolist(),ends=bca(means.round(12),s),scipy=[big.confidence_interval.low,big.confidence_interval.high])
seeds=[0.612,0.598,0.655,0.641]
t=stats.t.interval(.95,3,loc=np.mean(seeds),scale=stats.sem(seeds))
out["seeds"]=dict(values=seeds,low=t[0],high=t[1])
x=[3,1,4,1,5,9,2,6,5,3]; y=[2,7,1,8,2,8,1,8,2,8]
out["ranks"]=dict(x=x,y=y,spearman=stats.spearmanr(x,y)[0],kendall=stats.kendalltau(x,y)[0])
out["versions"]="scipy "+__import__("scipy").__version__+", numpy "+np.__version__
json.dump(out,open("test/reference/statistics.json","w"))
