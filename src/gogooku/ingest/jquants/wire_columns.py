"""Column names of the wide endpoints, in the order of the specification: blocks of words.

Source: the column lists of the official client 2.8.0 (and the specification for what it does not
name, see `gogooku.ingest.jquants.endpoints`).
"""

from __future__ import annotations

BARS_ALL_PLANS = """
    Date Code O H L C UL LL Vo Va AdjFactor AdjO AdjH AdjL AdjC AdjVo MktCap ExRT
"""
BARS_PREMIUM = """
    MO MH ML MC MUL MLL MVo MVa MAdjO MAdjH MAdjL MAdjC MAdjVo AO AH AL AC AUL ALL AVo AVa AAdjO
    AAdjH AAdjL AAdjC AAdjVo
"""
INVESTORS_COLUMNS = """
    PubDate StDate EnDate Section PropSell PropBuy PropTot PropBal BrkSell BrkBuy BrkTot BrkBal
    TotSell TotBuy TotTot TotBal IndSell IndBuy IndTot IndBal FrgnSell FrgnBuy FrgnTot FrgnBal
    SecCoSell SecCoBuy SecCoTot SecCoBal InvTrSell InvTrBuy InvTrTot InvTrBal BusCoSell BusCoBuy
    BusCoTot BusCoBal OthCoSell OthCoBuy OthCoTot OthCoBal InsCoSell InsCoBuy InsCoTot InsCoBal
    BankSell BankBuy BankTot BankBal TrstBnkSell TrstBnkBuy TrstBnkTot TrstBnkBal OthFinSell
    OthFinBuy OthFinTot OthFinBal
"""
SUMMARY_COLUMNS = """
    DiscDate DiscTime Code DiscNo DocType CurPerType CurPerSt CurPerEn CurFYSt CurFYEn NxtFYSt
    NxtFYEn Sales OP OdP NP EPS DEPS TA Eq EqAR BPS CFO CFI CFF CashEq Div1Q Div2Q Div3Q DivFY
    DivAnn DivUnit DivTotalAnn PayoutRatioAnn FDiv1Q FDiv2Q FDiv3Q FDivFY FDivAnn FDivUnit
    FDivTotalAnn FPayoutRatioAnn NxFDiv1Q NxFDiv2Q NxFDiv3Q NxFDivFY NxFDivAnn NxFDivUnit
    NxFPayoutRatioAnn FSales2Q FOP2Q FOdP2Q FNP2Q FEPS2Q NxFSales2Q NxFOP2Q NxFOdP2Q NxFNp2Q
    NxFEPS2Q FSales FOP FOdP FNP FEPS NxFSales NxFOP NxFOdP NxFNp NxFEPS MatChgSub SigChgInC
    ChgByASRev ChgNoASRev ChgAcEst RetroRst ShOutFY TrShFY AvgSh NCSales NCOP NCOdP NCNP NCEPS
    NCTA NCEq NCEqAR NCBPS FNCSales2Q FNCOP2Q FNCOdP2Q FNCNP2Q FNCEPS2Q NxFNCSales2Q NxFNCOP2Q
    NxFNCOdP2Q NxFNCNP2Q NxFNCEPS2Q FNCSales FNCOP FNCOdP FNCNP FNCEPS NxFNCSales NxFNCOP
    NxFNCOdP NxFNCNP NxFNCEPS ShEq NCShEq ROE NCROE
"""
DIVIDEND_COLUMNS = """
    PubDate PubTime Code RefNo StatCode BoardDate IFCode FRCode IFTerm DivRate RecDate ExDate
    ActRecDate PayDate CARefNo DistAmt RetEarn DeemDiv DeemCapGains NetAssetDecRatio
    CommSpecCode CommDivRate SpecDivRate
"""
ALERT_COLUMNS = """
    PubDate Code AppDate PubReason ShrtOut ShrtOutChg ShrtOutRatio LongOut LongOutChg
    LongOutRatio SLRatio ShrtNegOut ShrtNegOutChg ShrtStdOut ShrtStdOutChg LongNegOut
    LongNegOutChg LongStdOut LongStdOutChg TSEMrgnRegCls
"""
SHORT_REPORT_COLUMNS = """
    DiscDate CalcDate Code SSName SSAddr DICName DICAddr FundName ShrtPosToSO ShrtPosShares
    ShrtPosUnits PrevRptDate PrevRptRatio Notes
"""
MARGIN_COLUMNS = """
    PubDate Date Code IssType ShrtVol LongVol ShrtNegVol LongNegVol ShrtStdVol LongStdVol
    ShrtVal LongVal ShrtNegVal LongNegVal ShrtStdVal LongStdVal
"""
BREAKDOWN_COLUMNS = """
    Date Code LongSellVa ShrtNoMrgnVa MrgnSellNewVa MrgnSellCloseVa LongBuyVa MrgnBuyNewVa
    MrgnBuyCloseVa LongSellVo ShrtNoMrgnVo MrgnSellNewVo MrgnSellCloseVo LongBuyVo MrgnBuyNewVo
    MrgnBuyCloseVo
"""
FUTURES_COLUMNS = """
    Code ProdCat Date O H L C MO MH ML MC EO EH EL EC AO AH AL AC Vo OI Va CM VoOA EmMrgnTrgDiv
    LTD SQD Settle CCMFlag
"""
OPTIONS_COLUMNS = """
    Code ProdCat UndSSO Date O H L C MO MH ML MC EO EH EL EC AO AH AL AC Vo OI Va CM Strike VoOA
    EmMrgnTrgDiv PCDiv LTD SQD Settle Theo BaseVol UnderPx IV IR CCMFlag
"""
OPTIONS_225_COLUMNS = """
    Date Code O H L C EO EH EL EC AO AH AL AC Vo OI Va CM Strike VoOA EmMrgnTrgDiv PCDiv LTD SQD
    Settle Theo BaseVol UnderPx IV IR
"""
